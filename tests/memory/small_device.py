"""A device of a few kilobytes: memory of the host that is counted as if it were a device's."""

import weakref

import torch

from latentloom.engine.memory.transfer import Transfer


class SmallDevice(Transfer):
    """Copies every tensor, counts the copies that are alive, and refuses more than it has.

    most: bytes it has, None for no end. moves: how often each tensor came, by id of the original.
    """

    def __init__(self, most=None):
        super().__init__(torch.device("cpu"))
        self.most = most
        self.used = self.peak = 0
        self.moves = {}
        self.kept = []  # the originals, so that no id comes twice

    def away(self, tensor):
        return True

    def bring(self, tensors, *, again=False):
        copies = []
        for tensor in tensors:
            nbytes = tensor.nbytes
            if self.most is not None and self.used + nbytes > self.most:
                raise AssertionError(f"{self.used} bytes are in use, {nbytes} more do not fit into {self.most}")
            self.kept.append(tensor)
            self.moves[id(tensor)] = self.moves.get(id(tensor), 0) + 1
            copy = tensor.detach().clone()
            self.used += nbytes
            self.peak = max(self.peak, self.used)
            weakref.finalize(copy, self._gone, nbytes)
            copies.append(copy)
        return copies

    def _gone(self, nbytes):
        self.used -= nbytes

    @property
    def most_moves(self):
        return max(self.moves.values(), default=0)


class Books:
    """An account that adds up."""

    def __init__(self):
        self.held = {}

    def reserve(self, what, nbytes):
        assert what not in self.held
        self.held[what] = nbytes

    def release(self, what, nbytes):
        assert self.held.pop(what) == nbytes
