"""What asking a residency costs at every step, and what sequential offload does: a script that prints JSON.

"asking": microseconds by which one run through a residency with everything in place exceeds a plain call, with a network
that does nothing, and that as a share of a real UNet's step. "offload": seconds of a pass of that UNet by the share of
its weights that fit, with copies from the host's memory to itself in place of a bus, and the bytes that each pass moves.
With a CUDA device the passes are made on it, from pinned memory.
"""

import argparse
import json
import statistics
import time
from contextlib import nullcontext

import torch

from latentloom.engine.memory.cast import nbytes
from latentloom.engine.memory.residency import InPlace, Residency
from latentloom.engine.memory.transfer import CudaTransfer, Transfer
from latentloom.engine.models.unet import UNet, UNetConfig


class Counted(Transfer):
    """Copies within the host's memory, counted."""

    moved = 0

    def away(self, tensor):
        return True

    def bring(self, tensors, *, again=False):
        self.moved += sum(tensor.nbytes for tensor in tensors)
        return [tensor.detach().clone() for tensor in tensors]


class CountedCuda(CudaTransfer):
    """Copies to a CUDA device, counted."""

    moved = 0

    def bring(self, tensors, *, again=False):
        self.moved += sum(tensor.nbytes for tensor in tensors)
        return super().bring(tensors, again=again)


def microseconds(call, count=2000, rounds=9):
    """Return the median time of a call over several rounds."""
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        for _ in range(count):
            call()
        times.append((time.perf_counter() - began) / count * 1e6)
    return statistics.median(times)


def seconds(call, device, count):
    """Return the median time of a call."""
    times = []
    for _ in range(count):
        began = time.perf_counter()
        call()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        times.append(time.perf_counter() - began)
    return statistics.median(times)


@torch.no_grad()
def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--width", type=int, default=64, help="of the UNet; SD1.5 has 320")
    parser.add_argument("--side", type=int, default=32, help="of the latent")
    parser.add_argument("--passes", type=int, default=5)
    args = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    transfer = CountedCuda if device.type == "cuda" else Counted
    network = UNet(UNetConfig(model_channels=args.width, context_dim=768)).requires_grad_(False).eval()
    x, time_, text = torch.randn(1, 4, args.side, args.side), torch.tensor([500.0]), torch.randn(1, 77, 768)
    given = [value.to(device) for value in (x, time_, text)]

    empty = torch.nn.Identity()
    plain = microseconds(lambda: empty(given[0]))
    asking = {}
    for name, residence in (("in place", InPlace()), ("unlimited", Residency(transfer(device)))):
        for held in (False, True):
            with residence.hold(empty) if held else nullcontext():
                run = microseconds(lambda residence=residence: residence.run(empty, lambda there: there(given[0])))
            asking[f"{name}, held" if held else name] = round(run - plain, 2)

    offload = {}
    for share in (None, 0.9, 0.5, 0.25, 0.1):
        way = transfer(device)
        residency = Residency(way, None if share is None else int(nbytes(network) * share))

        def call(residency=residency):
            return residency.run(network, lambda there: there(*given))

        first = call()
        call()
        before = way.moved
        taken = seconds(call, device, args.passes)
        offload["all" if share is None else str(share)] = {
            "seconds": round(taken, 4),
            "moved_share": round((way.moved - before) / args.passes / nbytes(network), 3),
            "peak_share": round(residency.stats.peak_bytes / nbytes(network), 3),
        }
        assert share is not None or torch.equal(first, call())
    step = offload["all"]["seconds"] * 1e6
    report = {
        "device": str(device),
        "network_mb": round(nbytes(network) / 1e6, 1),
        "asking_microseconds": asking,
        "asking_share_of_a_step": round(asking["unlimited, held"] / step, 6),
        "offload": offload,
    }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
