"""What may happen to a published function on its way: pruning (section 4.6), rounding, noise.

Each returns a changed function. Slots stay as they are, so that keys still open them; what is left
of the pictures is for `reveal` and `measure` to tell.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from sirensong.carrier.stego import StegoFunction
from sirensong.errors import SettingError

Matrices = npt.NDArray[np.float32]
"""One layer's matrices: (tiles, out, in)."""


def prune(stego: StegoFunction, rate: float, *, structured: bool = False) -> StegoFunction:
    """Set the least weights of each matrix to zero, as torch.nn.utils.prune does (section 4.6).

    Args:
        stego: the published function; not changed.
        rate: share of each matrix's n weights that are set to zero, in [0, 1]; round(rate x n).
        structured: take whole rows of least Euclidean norm (Ln structured pruning of output
            channels with n = 2) instead of single weights of least magnitude (L1 unstructured
            pruning). The last matrix keeps its rows, which are the picture's three colours.

    Returns:
        The pruned function. Its biases are those of `stego`.

    Raises:
        SettingError: the rate is out of range.
    """
    if not 0 <= rate <= 1:
        raise SettingError(f"the rate of pruning must be 0 to 1, got {rate:g}")
    if not structured:
        return _change_matrices(stego, lambda matrices: _prune(matrices, np.abs(matrices), rate))
    colours = stego.weights[-1].weight

    def prune_rows(matrices: Matrices) -> Matrices:
        if matrices is colours:
            return matrices
        squares = np.square(matrices, dtype=np.float64)
        return _prune(matrices, squares.sum(2, keepdims=True), rate)

    return _change_matrices(stego, prune_rows)


def _prune(matrices: Matrices, size: npt.NDArray[np.floating], rate: float) -> Matrices:
    """Set to zero where `size`, (tiles, out, in) or (tiles, out, 1), is least."""
    flat = size.reshape(len(matrices), -1)
    least = np.argsort(flat, axis=1, kind="stable")[:, : round(rate * flat.shape[1])]
    kept = np.ones(flat.shape, np.float32)
    np.put_along_axis(kept, least, 0, axis=1)
    return matrices * kept.reshape(size.shape)


def quantise(stego: StegoFunction, bits: int) -> StegoFunction:
    """Round the weights of each matrix to fewer bits.

    Args:
        stego: the published function; not changed.
        bits: bits a weight: 16 for half-precision floating point, or 2 to 12 for 2^bits - 1 values
            at equal distances, from minus to plus the matrix's largest magnitude.

    Returns:
        The rounded function. Its biases are those of `stego`.

    Raises:
        SettingError: another number of bits.
    """
    if bits == 16:
        return _change_matrices(
            stego, lambda matrices: matrices.astype(np.float16).astype(np.float32)
        )
    if not 2 <= bits <= 12:
        raise SettingError(f"bits a weight must be 2 to 12, or 16 for floating point, got {bits}")

    def round_to_steps(matrices: Matrices) -> Matrices:
        step = np.abs(matrices).max(axis=(1, 2), keepdims=True) / (2 ** (bits - 1) - 1)
        steps = np.rint(matrices / np.where(step > 0, step, 1))
        return np.asarray(steps * step, np.float32)

    return _change_matrices(stego, round_to_steps)


def perturb(stego: StegoFunction, strength: float, rng: np.random.Generator) -> StegoFunction:
    """Add Gaussian noise to the weights.

    Args:
        stego: the published function; not changed.
        strength: standard deviation of the noise, in standard deviations of each matrix; at
            least 0.
        rng: draws the noise.

    Returns:
        The noisy function. Its biases are those of `stego`.

    Raises:
        SettingError: the strength is out of range.
    """
    if not 0 <= strength < np.inf:
        raise SettingError(f"the strength of noise must be at least 0, got {strength:g}")

    def add_noise(matrices: Matrices) -> Matrices:
        deviation = matrices.std(axis=(1, 2), keepdims=True)
        noise = strength * deviation * rng.standard_normal(matrices.shape)
        return np.asarray(matrices + noise, np.float32)

    return _change_matrices(stego, add_noise)


def _change_matrices(stego: StegoFunction, change: Callable[[Matrices], Matrices]) -> StegoFunction:
    layers = (layer._replace(weight=change(layer.weight)) for layer in stego.weights)
    return replace(stego, weights=tuple(layers))
