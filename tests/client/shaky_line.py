"""A TCP line to a server that loses answers, breaks off, or lets no websocket through. Real sockets, real bytes."""

import asyncio
import threading

TOKEN = "a-token-for-tests"


class ShakyLine:
    """lose_answers: so many answers to POST are thrown away after the server gave them, and the line is cut.

    no_sockets: websocket handshakes are answered with 403. lost, sockets: how many answers were lost, sockets let through.
    """

    def __init__(self, port):
        self.target = port
        self.lose_answers = 0
        self.no_sockets = False
        self.lost = 0
        self.sockets = 0
        self._open = set()

    def __enter__(self):
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        start = asyncio.start_server(self._serve, "127.0.0.1", 0)
        self._server = asyncio.run_coroutine_threadsafe(start, self._loop).result()
        self.port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        return self

    def __exit__(self, *_):
        self._loop.call_soon_threadsafe(self._server.close)
        self.cut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def cut(self):
        """Break every open connection."""
        self._loop.call_soon_threadsafe(lambda: [writer.transport.abort() for writer in list(self._open)])

    async def _serve(self, reader, writer):
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            return
        self._open |= {writer, far_writer}
        state = {"lose": False}

        async def up():
            while data := await reader.read(65536):
                if data.startswith(b"POST") and self.lose_answers > 0:
                    self.lose_answers -= 1
                    state["lose"] = True
                if b"upgrade: websocket" in data.lower():
                    if self.no_sockets:
                        writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                        await writer.drain()
                        return
                    self.sockets += 1
                # The server answers to its own address only.
                far_writer.write(data.replace(f"127.0.0.1:{self.port}".encode(), f"127.0.0.1:{self.target}".encode()))
                await far_writer.drain()

        async def down():
            while data := await far_reader.read(65536):
                if state["lose"]:
                    self.lost += 1
                    return
                writer.write(data)
                await writer.drain()

        tasks = [asyncio.create_task(up()), asyncio.create_task(down())]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._open -= {writer, far_writer}
        for end in (writer, far_writer):
            end.close()
