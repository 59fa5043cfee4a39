"""Single functions for tests: the library always has several, counted by a first axis."""

import numpy as np

from sirensong.network.siren import Layer, initial_weights


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
