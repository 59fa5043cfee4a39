"""What depends on where a training runs: threads, precision, and how much is trained at once.

EXPERIMENTAL ON CUDA. No GPU was at hand when this was written: TF32 and bfloat16 products, the CUDA
graph and the number of tiles at once are tested on the CPU, and nothing of them is measured.
"""

from __future__ import annotations

import contextlib
import functools
import math
import time
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from sirensong.errors import SettingError
from sirensong.network.siren import Architecture
from sirensong.network.tiles import Grid

# Hidden features of all functions that are trained together, in one layer: more leave the cache.
_FEATURES_AT_ONCE = {"cpu": 48 * 48, "cuda": 1024 * 144}
_WORTH = 1.25  # bfloat16 must be this much faster, or converting to it costs what it gains
_WARM_UP = 3  # runs before a recording: libraries set themselves up in the first

Work = Callable[[], Tensor]
Recorder = Callable[[Work], Work]
"""Captures the kernels of some work without running them; returns work that replays them."""


def find_device(name: str) -> torch.device:
    """The device to train on.

    Args:
        name: "auto", "cpu" or "cuda".

    Raises:
        SettingError: there is no CUDA device.
    """
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise SettingError("no CUDA device is available", hint="use --device cpu")
    return torch.device("cuda" if name != "cpu" and available else "cpu")


@contextlib.contextmanager
def use_threads(threads: int | None) -> Iterator[None]:
    """Have torch use this many threads of the processor meanwhile; None leaves it as it is."""
    if threads is None:
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def groups_of_tiles(
    grid: Grid, architecture: Architecture, functions: int, device: torch.device
) -> list[range]:
    """Split a grid into groups of tiles that are trained together, as many as are fast.

    Args:
        grid: of the picture.
        architecture: of each function.
        functions: how many each tile has.
        device: where they are trained.
    """
    features = architecture.hidden_features * functions
    at_once = max(1, _FEATURES_AT_ONCE[device.type] // features)
    starts = range(0, grid.tiles, at_once)
    return [range(start, min(start + at_once, grid.tiles)) for start in starts]


def split_for(functions: int, points: int, device: torch.device) -> int:
    """Groups to cut each function's points into, so that threads share the matrices evenly."""
    if device.type != "cpu":
        return 1
    threads = torch.get_num_threads()
    split = threads // math.gcd(functions, threads)
    return split if points % split == 0 else 1


def backward_dtype(precision: str, device: torch.device) -> torch.dtype:
    """The type of the backward pass's matrix products.

    Args:
        precision: "fp32"; "mixed" for bfloat16, which costs no measurable quality
            (docs/performance.md); "auto" to measure, once a process, which of the two is faster on
            this processor. A GPU is taken to be faster where it has such products.
        device: where they are computed.
    """
    if precision == "auto" and device.type == "cpu":
        faster = bfloat16_speedup() > _WORTH
    elif precision == "auto":
        faster = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        faster = precision == "mixed"
    return torch.bfloat16 if faster else torch.float32


@contextlib.contextmanager
def tf32_products(precision: str, device: torch.device) -> Iterator[None]:
    """Have float32 products on CUDA round their factors to 10 bits (TF32), unless "fp32" is asked.

    Costs less than a tenth of a decibel (docs/performance.md).
    """
    if precision == "fp32" or device.type != "cuda":
        yield
        return
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


@functools.cache
def bfloat16_speedup() -> float:
    """Measured rate of bfloat16 matrix products over that of float32 ones; takes milliseconds.

    Some processors have bfloat16 products that are slower than float32 ones.
    """
    return _seconds(torch.float32) / _seconds(torch.bfloat16)


def _seconds(dtype: torch.dtype) -> float:
    groups = 2 * torch.get_num_threads()
    points = torch.ones(groups, 512, 128, dtype=dtype)
    weights = torch.ones(groups, 128, 128, dtype=dtype)
    product = torch.bmm(points, weights)
    best = float("inf")
    for _ in range(6):
        start = time.perf_counter()
        for _ in range(4):
            torch.bmm(points, weights, out=product)
        best = min(best, time.perf_counter() - start)
    return best


def replayed(work: Work, device: torch.device) -> Work:
    """The same work; on CUDA recorded after a few runs and replayed as one launch from then on.

    Between the hundred small kernels of a step on small networks a GPU would mostly wait.

    Args:
        work: reads and writes tensors alone, the same ones each time, and waits for none of them
            on the way. What a replay returns is overwritten by the next.
        device: where it works.
    """
    record = _RECORDERS.get(device.type)
    if record is None:
        return work
    runs, current = 0, work

    def run() -> Tensor:
        nonlocal runs, current
        if runs == _WARM_UP:
            current = record(work)
        runs += 1
        return current()

    return run


def _cuda_graph(work: Work) -> Work:
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        result = work()

    def launch() -> Tensor:
        graph.replay()
        return result

    return launch


_RECORDERS: dict[str, Recorder] = {"cuda": _cuda_graph}
