"""How exact a step's matrix products are: as exact as quality asks, and no slower than that.

Some processors have bfloat16 products that are slower than float32 ones, so that is measured.
"""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Iterator

import torch

_WORTH = 1.25  # bfloat16 must be this much faster, or converting to it costs what it gains


def backward_dtype(precision: str, device: torch.device) -> torch.dtype:
    """The type of the backward pass's matrix products.

    precision: "fp32"; "mixed" for bfloat16, which costs no measurable quality (docs/performance.md); "auto" to measure, once a
    process, which of the two is faster on this processor; a GPU is taken to be faster where it has such products.
    """
    if precision == "auto":
        faster = (
            bfloat16_speedup() > _WORTH
            if device.type == "cpu"
            else torch.cuda.is_bf16_supported(including_emulation=False)
        )
        return torch.bfloat16 if faster else torch.float32
    return torch.bfloat16 if precision == "mixed" else torch.float32


@contextlib.contextmanager
def tf32_products(precision: str, device: torch.device) -> Iterator[None]:
    """Have float32 products on CUDA round their factors to 10 bits (TF32) meanwhile, unless precision is "fp32".

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
    """Measured rate of bfloat16 matrix products over that of float32 ones, of the size that training has; takes milliseconds."""
    return _seconds(torch.float32) / _seconds(torch.bfloat16)


def _seconds(dtype: torch.dtype) -> float:
    groups = 2 * torch.get_num_threads()
    points, weights = (
        torch.ones(groups, 512, 128, dtype=dtype),
        torch.ones(groups, 128, 128, dtype=dtype),
    )
    product = torch.bmm(points, weights)
    best = float("inf")
    for _ in range(6):
        start = time.perf_counter()
        for _ in range(4):
            torch.bmm(points, weights, out=product)
        best = min(best, time.perf_counter() - start)
    return best
