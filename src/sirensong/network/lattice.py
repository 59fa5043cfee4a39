"""The lattice that weights lie on: in each tensor whole multiples, or codes, of one step.

A carrier holds codes, so what training publishes is what it saw (docs/format.md, section 2). The
first matrix and its biases hardly leave where they start, so the start is drawn from the carrier's
nonce, on the same lattice, and the carrier holds how far they have gone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import chain, repeat

import numpy as np
import numpy.typing as npt

from sirensong.errors import SettingError
from sirensong.keys.stream import keystream
from sirensong.network.siren import Architecture, Array, Weights

FIRST_TENSORS = 2  # weight and bias of the first layer, whose codes count from their start
LARGEST_CODE = 32_767
LARGEST_START = 2**20 - 1
LEAST_STEP, LARGEST_STEP = 2.0**-40, 2.0**9

Codes = npt.NDArray[np.int64]

Steps = tuple[float, ...]
"""The step of each tensor: weight and bias of the first layer, then of the next, to the last."""


def tensors(weights: Weights) -> list[Array]:
    """List the weight and bias of each layer, in the order of `Steps`."""
    return [array for layer in weights for array in layer]


def check_steps(steps: Sequence[float], architecture: Architecture) -> None:
    """Check that there is a step for each tensor, a float32 number of a sound size.

    Raises:
        SettingError: it is not so.
    """
    expected = 2 * len(architecture.shapes)
    if len(steps) != expected:
        raise SettingError(f"expected {expected} steps, one for each tensor, got {len(steps)}")
    for step in steps:
        if not LEAST_STEP <= step <= LARGEST_STEP:
            raise SettingError(f"steps must be {LEAST_STEP:.3g} to {LARGEST_STEP:g}, got {step:g}")
    if any(float(np.float32(step)) != step for step in steps):
        raise SettingError("steps must be float32 numbers")
    if max(_reaches(architecture, steps)) > LARGEST_START:
        raise SettingError(
            f"the first steps must be larger: the start is more than {LARGEST_START} of them wide"
        )


def _reaches(architecture: Architecture, steps: Sequence[float]) -> tuple[int, int]:
    """How many steps the first matrix and its biases may start from zero, at most."""
    bounds = _bounds(architecture)
    matrix, bias = (
        math.floor(bound / step + 0.5) for bound, step in zip(bounds, steps, strict=False)
    )
    return matrix, bias


def _bounds(architecture: Architecture) -> tuple[float, float]:
    """How far the first matrix and its biases may start from zero, but for half a step."""
    return architecture.omega / 2, math.pi  # fan-in 2; biases reach over a period


def start_codes(
    architecture: Architecture, steps: Sequence[float], nonce: bytes, tiles: range
) -> tuple[Codes, Codes]:
    """Draw where the first matrix and its biases start, uniform as Sitzmann et al. have it.

    Integers only, so that all machines agree.

    Args:
        architecture: of each function, with H hidden features.
        steps: of the lattice.
        nonce: of the carrier, 32 bytes, which is all that they are drawn from.
        tiles: whose.

    Returns:
        (tiles, H, 2) and (tiles, H) codes.
    """
    features = architecture.hidden_features
    count = 3 * features
    drawn = keystream(nonce, nonce, "start", 4 * count, tiles).view("<u4").astype(np.int64)
    reach = np.repeat(_reaches(architecture, steps), (2 * features, features))
    codes = (drawn * (2 * reach + 1) >> 32) - reach
    return codes[:, : 2 * features].reshape(-1, features, 2), codes[:, 2 * features :]


def values_of(codes: npt.NDArray[np.integer], step: float) -> Array:
    """Turn codes into weights: code x step, rounded once, to float32."""
    return (codes * np.float64(step)).astype(np.float32)


def codes_of(values: Array, step: float) -> Codes:
    """Find the nearest code of each weight, a half to the even one."""
    return np.rint(values / np.float64(step)).astype(np.int64)


def finest_steps(architecture: Architecture, weights: Weights) -> Steps:
    """Find the smallest steps, powers of two, with which codes reach weights.

    In the first layer from wherever it may start.

    Args:
        architecture: of each function.
        weights: of all functions.
    """
    begins = chain(_bounds(architecture), repeat(0.0))
    farthest = (
        float(np.abs(array).max()) + begin
        for array, begin in zip(tensors(weights), begins, strict=False)
    )
    # A code less than there is, for the halves of steps that weight and start are rounded by.
    needed = (max(LEAST_STEP, far / (LARGEST_CODE - 1)) for far in farthest)
    return tuple(2.0 ** math.ceil(math.log2(step)) for step in needed)
