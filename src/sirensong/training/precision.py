"""Whether this processor multiplies bfloat16 matrices faster than float32 ones: some with the instruction do not."""

from __future__ import annotations

import functools
import time

import torch

_WORTH = 1.25  # bfloat16 must be this much faster, or converting to it costs what it gains


def backward_dtype(precision: str, device: torch.device) -> torch.dtype:
    """The type of the backward pass's matrix products.

    precision: "fp32"; "mixed" for bfloat16, which costs no measurable quality (docs/performance.md); "auto" to measure, once a
    process, which of the two is faster on this processor.
    """
    mixed = precision == "mixed" or (precision == "auto" and device.type == "cpu" and bfloat16_speedup() > _WORTH)
    return torch.bfloat16 if mixed else torch.float32


@functools.cache
def bfloat16_speedup() -> float:
    """Measured rate of bfloat16 matrix products over that of float32 ones, of the size that training has; takes milliseconds."""
    return _seconds(torch.float32) / _seconds(torch.bfloat16)


def _seconds(dtype: torch.dtype) -> float:
    groups = 2 * torch.get_num_threads()
    points, weights = torch.ones(groups, 512, 128, dtype=dtype), torch.ones(groups, 128, 128, dtype=dtype)
    product = torch.bmm(points, weights)
    best = float("inf")
    for _ in range(6):
        start = time.perf_counter()
        for _ in range(4):
            torch.bmm(points, weights, out=product)
        best = min(best, time.perf_counter() - start)
    return best
