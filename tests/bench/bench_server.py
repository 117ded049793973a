"""Measures the server as a client sees it and prints JSON: start, memory, latency, throughput, long graphs, many clients.

    python tests/bench/bench_server.py [start] [latency] [graph] [clients]

Each figure is the median of at least 5, with a calibration loop of the same run; times in milliseconds unless named.
Latency stands beside two fsyncs on the same folder, the physical limit of a promise that is kept on disk.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any

import websockets
from websockets.sync.client import connect

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "server"))
from serving import Serving, chain

ROUNDS = 7


def calibrate() -> float:
    """Return the milliseconds of a fixed loop of plain Python."""
    began = time.perf_counter()
    total = 0
    for number in range(1_000_000):
        total += number & 7
    return (time.perf_counter() - began) * 1000


def median(values: list[float]) -> float:
    return round(statistics.median(values), 3)


def two_fsyncs(folder: Path) -> float:
    """Return the milliseconds of writing and flushing 4 KiB twice, median of 25."""
    times = []
    with (folder / "fsync.bin").open("wb") as file:
        for _ in range(25):
            began = time.perf_counter()
            for _ in range(2):
                file.write(os.urandom(4096))
                file.flush()
                os.fsync(file.fileno())
            times.append((time.perf_counter() - began) * 1000)
    return median(times)


def memory_mb(pid: int) -> float:
    """Return the resident megabytes of a process (Linux)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


def post(url: str, graph: dict[str, Any], client: str) -> str:
    body = json.dumps({"prompt": graph, "client_id": client}).encode()
    with urllib.request.urlopen(urllib.request.Request(f"{url}/prompt", body), timeout=60) as answer:
        return str(json.load(answer)["prompt_id"])


def until_success(socket: Any, prompt_id: str) -> tuple[int, int]:
    """Read until this prompt's execution_success; return messages and bytes read."""
    messages = size = 0
    while True:
        message = socket.recv(timeout=120)
        messages, size = messages + 1, size + len(message)
        if isinstance(message, str) and '"execution_success"' in message and prompt_id in message:
            return messages, size
        if isinstance(message, str) and '"execution_error"' in message:
            raise SystemExit(message[:2000])


def warm(server: Serving) -> None:
    """Wait until the worker has run one prompt."""
    with connect(server.url.replace("http", "ws") + "/ws?clientId=warm", max_size=None) as socket:
        until_success(socket, post(server.url, chain(2, 123456), "warm"))


def start(folder: Path) -> dict[str, Any]:
    """Start to the first HTTP answer, to the first object_info, and the server's memory once its worker is up."""
    answers, infos, sizes = [], [], []
    for index in range(ROUNDS):
        server = Serving(folder / f"start{index}", port=18188 + index, nodes=folder / "none")
        url = f"http://127.0.0.1:{18188 + index}"
        server.url = url
        first = None
        while time.perf_counter() - server.begun < 60:
            try:
                with urllib.request.urlopen(f"{url}/prompt" if first is None else f"{url}/object_info", timeout=10) as answer:
                    answer.read()
            except OSError:
                time.sleep(0.003)
                continue
            if first is None:
                first = time.perf_counter() - server.begun
                continue
            answers.append(first)
            infos.append(time.perf_counter() - server.begun)
            break
        warm_until = time.time() + 60
        while time.time() < warm_until and server.ask("/ready")[0] != 200:
            time.sleep(0.1)
        sizes.append(memory_mb(server.process.pid))
        server.stop()
    return {"first_answer_s": median(answers), "object_info_s": median(infos), "server_mb": median(sizes)}


def latency(folder: Path) -> dict[str, Any]:
    """POST of one node to its success; prompts a second from 16 submitters; memory after 1,000."""
    with Serving(folder / "latency") as server:
        warm(server)
        times = []
        with connect(server.url.replace("http", "ws") + "/ws?clientId=one", max_size=None) as socket:
            for index in range(60):
                graph = {"1": {"class_type": "ProbeShow", "inputs": {"value": ["0", 0]}},
                         "0": {"class_type": "ProbeNumber", "inputs": {"value": index}}}  # fmt: skip
                began = time.perf_counter()
                until_success(socket, post(server.url, graph, "one"))
                times.append((time.perf_counter() - began) * 1000)
        flushes = two_fsyncs(folder)
        rates = [burst(server, 16, 320, base) for base in range(1000, 6000, 1000)]
        before = memory_mb(server.process.pid)  # after some 1,600 prompts
        rates += [burst(server, 16, 320, base) for base in range(6000, 11000, 1000)]
        after = memory_mb(server.process.pid)
        return {
            "post_to_success_ms": median(times[10:]), "two_fsyncs_ms": flushes,
            "prompts_per_second": median(rates), "memory_mb": [round(before, 1), round(after, 1)], "growth": round(after / before - 1, 3),
        }  # fmt: skip


def burst(server: Serving, submitters: int, count: int, base: int) -> float:
    """Submit `count` prompts from as many threads as named; return completed prompts a second."""
    address = server.url.removeprefix("http://")
    host, _, port = address.partition(":")

    def submit(share: range) -> None:
        import http.client

        connection = http.client.HTTPConnection(host, int(port))
        for index in share:
            body = json.dumps({"prompt": chain(2, base * 1000 + index)})
            connection.request("POST", "/prompt", body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 200, answer.status

    began = time.perf_counter()
    threads = [threading.Thread(target=submit, args=(range(n, count, submitters),)) for n in range(submitters)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    while server.ask("/prompt")[1]["exec_info"]["queue_remaining"]:
        time.sleep(0.005)
    return count / (time.perf_counter() - began)


def graph(folder: Path) -> dict[str, Any]:
    """Chains by HTTP and websocket, cold and cached; bytes per node."""
    found: dict[str, Any] = {}
    with Serving(folder / "graph") as server:
        warm(server)
        with connect(server.url.replace("http", "ws") + "/ws?clientId=long", max_size=None) as socket:
            for length in (10, 100, 1000, 5000):
                cold, cached, sizes = [], [], []
                for index in range(ROUNDS):
                    document = chain(length, 10_000 * length + index)
                    for times in (cold, cached):
                        began = time.perf_counter()
                        _, size = until_success(socket, post(server.url, document, "long"))
                        times.append((time.perf_counter() - began) * 1000)
                        if times is cold:
                            sizes.append(size)
                found[str(length)] = {
                    "cold_ms": median(cold), "cached_ms": median(cached), "bytes_per_node": round(statistics.median(sizes) / length, 1)
                }  # fmt: skip
    return found


def clients(folder: Path) -> dict[str, Any]:
    """A job of pictures with and without 200 clients, of which one reads a byte a second and 5 watch previews."""
    with Serving(folder / "clients") as server:
        warm(server)
        alone = [four_jobs(server, index) for index in range(5)]
        before = memory_mb(server.process.pid)
        crowd = Crowd(server)
        crowd.start()
        try:
            together = [four_jobs(server, 100 + index) for index in range(5)]
            peak = memory_mb(server.process.pid)
        finally:
            missed = crowd.stop()
        return {
            "four_jobs_alone_s": median(alone), "with_200_clients_s": median(together),
            "ratio": round(statistics.median(together) / statistics.median(alone), 3),
            "server_mb": [round(before, 1), round(peak, 1)], "clients": crowd.count, "missed_state_events": missed,
        }  # fmt: skip


def four_jobs(server: Serving, base: int) -> float:
    began = time.perf_counter()
    for index in range(4):
        graph = {
            "0": {"class_type": "ProbeNumber", "inputs": {"value": base * 10 + index}},
            "1": {"class_type": "ProbeSleep", "inputs": {"value": ["0", 0], "milliseconds": 500}},
            "2": {"class_type": "ProbePicture", "inputs": {"value": ["1", 0], "side": 256, "count": 40}},
        }
        post(server.url, graph, "clients")
    while server.ask("/prompt")[1]["exec_info"]["queue_remaining"]:
        time.sleep(0.02)
    return time.perf_counter() - began


class Crowd:
    """194 loom clients that read, 5 with previews, 1 that reads a byte a second; in one thread of its own."""

    def __init__(self, server: Serving) -> None:
        self.server = server
        self.count = 0
        self.seen: list[list[int]] = []
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._up = threading.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._run(),))

    def start(self) -> None:
        self._thread.start()
        assert self._up.wait(60)

    def stop(self) -> int:
        """End all; return how many state events any reading client missed, by gaps against the fullest."""
        time.sleep(1.0)
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        fullest = set(max(self.seen, key=len))
        return sum(len(fullest - set(seen)) for seen in self.seen)

    async def _run(self) -> None:
        url = self.server.url.replace("http", "ws") + "/api/loom/ws"
        tasks = [asyncio.create_task(self._read(f"{url}?previews={int(n < 5)}")) for n in range(199)]
        tasks.append(asyncio.create_task(self._crawl()))
        while self.count < 200:
            await asyncio.sleep(0.02)
        self._up.set()
        await self._stop.wait()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _read(self, url: str) -> None:
        seen: list[int] = []
        self.seen.append(seen)
        async with websockets.connect(url, max_size=None) as socket:
            self.count += 1
            async for message in socket:
                if isinstance(message, str):
                    data = json.loads(message)
                    if data.get("kind") == "job":
                        seen.append(data["seq"])

    async def _crawl(self) -> None:
        host, _, port = self.server.url.removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port), limit=2)
        key = "dGhlIHNhbXBsZSBub25jZQ=="
        writer.write(
            f"GET /api/loom/ws?previews=1 HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        await writer.drain()
        self.count += 1
        while True:
            await reader.read(1)
            await asyncio.sleep(1)


def main() -> None:
    parts = {"start": start, "latency": latency, "graph": graph, "clients": clients}
    names = [name for name in sys.argv[1:] if name in parts] or list(parts)
    for name in names:
        with tempfile.TemporaryDirectory(prefix="bench-") as place:
            before = calibrate()
            found = parts[name](Path(place))
            print(json.dumps({name: found, "calibration_ms": [round(before, 1), round(calibrate(), 1)]}), flush=True)


if __name__ == "__main__":
    main()
