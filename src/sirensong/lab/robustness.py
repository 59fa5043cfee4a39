"""What may happen to a published function on its way: pruning (section 4.6), quantisation, noise. Each gives a changed function.

Slots stay as they are, so that keys still open them; what is left of the pictures is for `reveal` and `measure` to say.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from sirensong.carrier.stego import StegoFunction
from sirensong.errors import SettingError

Matrices = npt.NDArray[np.float32]  # (tiles, out, in)


def prune(stego: StegoFunction, rate: float, *, structured: bool = False) -> StegoFunction:
    """Set the least weights of each matrix to zero, as torch.nn.utils.prune does.

    rate: share of them, in [0, 1], of which round(rate x n) are set. structured: whole rows, those of least Euclidean norm (Ln
    structured pruning of output channels with n = 2), instead of single weights by magnitude (L1 unstructured pruning). The last
    matrix keeps its rows, which are the picture's three colours. Biases stay. Raises SettingError for a rate out of range.
    """
    if not 0 <= rate <= 1:
        raise SettingError(f"the rate of pruning must be 0 to 1, got {rate:g}")
    last = stego.weights[-1].weight.shape
    return _changed(
        stego,
        lambda matrices: (
            matrices
            if structured and matrices.shape == last
            else _pruned(matrices, rate, structured)
        ),
    )


def _pruned(matrices: Matrices, rate: float, structured: bool) -> Matrices:
    size = (
        np.sqrt(np.square(matrices, dtype=np.float64).sum(2, keepdims=True))
        if structured
        else np.abs(matrices)
    )
    flat = size.reshape(len(matrices), -1)
    least = np.argsort(flat, axis=1, kind="stable")[:, : round(rate * flat.shape[1])]
    kept = np.ones(flat.shape, np.float32)
    np.put_along_axis(kept, least, 0, axis=1)
    return np.asarray(matrices * kept.reshape(size.shape), np.float32)


def quantise(stego: StegoFunction, bits: int) -> StegoFunction:
    """Round the weights of each matrix: to 16-bit floating point, or to 2^bits - 1 equal steps from minus to plus its largest.

    bits: 16 for the former, 2 to 12 for the latter. Biases stay. Raises SettingError for other numbers of bits.
    """
    if bits == 16:
        return _changed(stego, lambda matrices: matrices.astype(np.float16).astype(np.float32))
    if not 2 <= bits <= 12:
        raise SettingError(f"bits a weight must be 2 to 12, or 16 for floating point, got {bits}")

    def rounded(matrices: Matrices) -> Matrices:
        step = np.abs(matrices).max(axis=(1, 2), keepdims=True) / (2 ** (bits - 1) - 1)
        return np.asarray(np.rint(matrices / np.where(step > 0, step, 1)) * step, np.float32)

    return _changed(stego, rounded)


def disturb(stego: StegoFunction, strength: float, rng: np.random.Generator) -> StegoFunction:
    """Add Gaussian noise to the weights. strength: its standard deviation, in standard deviations of each matrix; at least 0.

    Raises SettingError for a strength out of range.
    """
    if not 0 <= strength < np.inf:
        raise SettingError(f"the strength of noise must be at least 0, got {strength:g}")

    def noisy(matrices: Matrices) -> Matrices:
        deviation = matrices.std(axis=(1, 2), keepdims=True)
        return np.asarray(
            matrices + strength * deviation * rng.standard_normal(matrices.shape), np.float32
        )

    return _changed(stego, noisy)


def _changed(stego: StegoFunction, change: Callable[[Matrices], Matrices]) -> StegoFunction:
    return replace(
        stego, weights=tuple(layer._replace(weight=change(layer.weight)) for layer in stego.weights)
    )
