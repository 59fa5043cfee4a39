"""A step as one launch: between the hundred small kernels of a step on small networks, a GPU would mostly wait for the next."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

_WARM_UP = 3  # runs before a recording: libraries set themselves up in the first

Work = Callable[[], Tensor]
Recorder = Callable[[Work], Work]
"""Takes down what some work does, without doing it, and returns what does it."""


def replayed(work: Work, device: torch.device) -> Work:
    """The same work; on CUDA, done as it is for a few runs, and from then on by replaying a recording of it.

    work: reads and writes tensors alone, the same ones each time, and waits for none of them on the way. What the recording
    returns is overwritten by its next run.
    """
    record = _RECORDERS.get(device.type)
    return work if record is None else _Replayed(work, record)


class _Replayed:
    def __init__(self, work: Work, record: Recorder) -> None:
        self._work, self._record, self._runs = work, record, 0

    def __call__(self) -> Tensor:
        if self._runs == _WARM_UP:
            self._work = self._record(self._work)
        self._runs += 1
        return self._work()


def _cuda_graph(work: Work) -> Work:
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        result = work()

    def launch() -> Tensor:
        graph.replay()
        return result

    return launch


_RECORDERS: dict[str, Recorder] = {"cuda": _cuda_graph}
