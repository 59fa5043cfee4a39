"""Single functions for tests: the library always has several, counted by a first axis."""

import numpy as np

from sirensong.carrier.slots import SLOT_BYTES, SLOTS
from sirensong.carrier.stego import StegoFunction
from sirensong.network.lattice import codes_of, values_of
from sirensong.network.siren import Architecture, Layer, initial_weights
from sirensong.network.tiles import Grid

NONCE = bytes(range(200, 232))
STEP = 2.0**-10
"""So fine that weights keep what they are about."""


def stack(functions):
    """Join functions without that axis into weights."""
    return tuple(
        Layer(np.stack([layer.weight for layer in same]), np.stack([layer.bias for layer in same]))
        for same in zip(*functions, strict=True)
    )


def unstack(weights):
    """The functions of weights, without that axis: views."""
    count = len(weights[0].weight)
    return [tuple(Layer(w[index], b[index]) for w, b in weights) for index in range(count)]


def initial(architecture, rng):
    """One function's initial weights."""
    return unstack(initial_weights(architecture, [rng]))[0]


def alone(function):
    """Weights of this one function: views, so that what is changed in place is changed in it."""
    return tuple(Layer(weight[None], bias[None]) for weight, bias in function)


def on_lattice(weights, step=STEP):
    """The nearest weights that a carrier of this step can hold."""
    return tuple(
        Layer(*(values_of(codes_of(array, step), step) for array in layer)) for layer in weights
    )


def steps_of(weights, step=STEP):
    """One step for all tensors."""
    return (step,) * (2 * len(weights))


def digest_of(weights, nonce, omega=20.0):
    """The digest of a carrier of these weights, of one row of tiles."""
    hidden = weights[0].bias.shape[-1]
    architecture = Architecture(hidden, len(weights) - 1, omega)
    grid = Grid(1, len(weights[0].weight))
    ends = 1, grid.columns, nonce, bytes(SLOTS * SLOT_BYTES)
    return StegoFunction(architecture, grid, weights, steps_of(weights), *ends).digest
