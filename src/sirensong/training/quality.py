"""The dial: how good pictures are to be, or how small their carrier."""

from __future__ import annotations

import math

import numpy as np

from sirensong.network.lattice import Steps
from sirensong.network.siren import Architecture

# Steps that cost pictures least for their bits, learned for 5 layers of 32 (docs/performance.md):
# of the first matrix, the first hidden one, those between, the last hidden one and the last.
_MATRICES = (0.0142, 0.0208, 0.0265, 0.021, 0.00122)
_BIASES = (0.0087, 0.0146, 0.0188, 0.007, 0.0012)

# Bits that a code then takes at 28 features.
_MATRIX_BITS = (5.04, 6.27, 5.62, 5.97, 8.0)
_BIAS_BITS = (5.49, 5.55, 5.35, 6.74, 8.2)
_MEASURED_FEATURES, _LEAST_BITS = 28, 0.5


def steps_for(architecture: Architecture, coarseness: float) -> Steps:
    """The lattice of a network's weights.

    Their ratios come out alike for all pictures and widths, so they are constants.

    Args:
        architecture: of each tile's function.
        coarseness: factor on all steps, above 0. Twice as coarse is a bit less for each weight.

    Returns:
        The step of each tensor, float32 numbers.
    """
    hidden = architecture.hidden_layers - 1
    steps = zip(_spread(_MATRICES, hidden), _spread(_BIASES, hidden), strict=True)
    return tuple(float(np.float32(coarseness * step)) for pair in steps for step in pair)


def _spread(five: tuple[float, ...], hidden: int) -> list[float]:
    """A value for each layer: the middle one for hidden ones between the first and the last."""
    first, second, middle, fourth, last = five
    inner = [second, *[middle] * (hidden - 2), fourth][:hidden]
    return [first, *inner, last]


def estimated_bits(architecture: Architecture, coarseness: float) -> float:
    """Bits that the codes of a tile's weights take, about: within 3 % after training of any length.

    Muon moves weights as far for one picture as for another, so their spread is known beforehand.

    Args:
        architecture: of the tile's function.
        coarseness: factor on the steps of the lattice.
    """
    hidden = architecture.hidden_layers - 1
    finer = -math.log2(coarseness)
    narrower = -math.log2(architecture.hidden_features / _MEASURED_FEATURES) / 2
    layers = zip(
        architecture.shapes,
        _spread(_MATRIX_BITS, hidden),
        _spread(_BIAS_BITS, hidden),
        strict=True,
    )
    return sum(
        out * into * max(_LEAST_BITS, matrix + finer + narrower)
        + out * max(_LEAST_BITS, bias + finer)
        for (out, into), matrix, bias in layers
    )
