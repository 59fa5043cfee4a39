"""Statistics of the weights of each tile: layer by layer, and of neighbouring layers together."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from sirensong.lab.steganalysis.significance import Features
from sirensong.network.siren import Layer, Weights

_MAGNITUDES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 0.999)  # quantiles
_SPECTRUM = (0.0, 0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0)  # quantiles of the singular values
_DIRECTIONS = 4  # singular vectors whose alignment is looked at
_TINY = 1e-12


def layer_statistics(weights: Weights) -> Features:
    """Moments, quantiles, singular values and norms of each tile's layers.

    Of each layer: mean, logarithm of the standard deviation, skew and excess kurtosis of the
    weights, of the biases, of the rows' norms and of the columns' norms; quantiles of the weights'
    magnitudes in standard deviations; quantiles of the logarithms of the singular values; and the
    mean kurtosis of the rows and of the columns.

    Args:
        weights: of the tiles.

    Returns:
        34 numbers a layer, (tiles, 34 x layers).
    """
    return np.concatenate([_of_layer(layer) for layer in weights], axis=1)


def _of_layer(layer: Layer) -> Features:
    weight, bias = layer.weight.astype(np.float64), layer.bias.astype(np.float64)
    flat = weight.reshape(len(weight), -1)
    deviation = np.maximum(flat.std(1), _TINY)
    magnitudes = np.quantile(np.abs(flat), _MAGNITUDES, axis=1) / deviation
    singular = np.log(np.linalg.svd(weight, compute_uv=False) + _TINY)
    return np.concatenate(
        [
            moments(flat),
            moments(bias),
            moments(np.linalg.norm(weight, axis=2)),
            moments(np.linalg.norm(weight, axis=1)),
            magnitudes.T,
            np.quantile(singular, _SPECTRUM, axis=1).T,
            moments(weight)[..., 3].mean(1)[:, None],
            moments(weight.swapaxes(1, 2))[..., 3].mean(1)[:, None],
        ],
        axis=1,
    )


def moments(values: Features) -> Features:
    """Mean, logarithm of the standard deviation, skew and excess kurtosis over the last axis.

    Args:
        values: (..., n).

    Returns:
        (..., 4).
    """
    mean = values.mean(-1, keepdims=True)
    deviation = np.maximum(values.std(-1, keepdims=True), _TINY)
    scaled = (values - mean) / deviation
    shape = [(scaled**3).mean(-1), (scaled**4).mean(-1) - 3]
    return np.stack([mean[..., 0], np.log(deviation[..., 0]), *shape], axis=-1)


def joint_statistics(weights: Weights) -> Features:
    """How the layers of each tile go together.

    Of each two neighbouring layers: correlations, over the neurons between them, of the norm of the
    incoming weights, the norm of the outgoing weights and the magnitude of the bias; how much of
    the four strongest directions that come out of the one layer goes into the four strongest of
    the other; and the norm of the matrices' product against that of unrelated matrices.

    Args:
        weights: of the tiles.

    Returns:
        5 numbers a pair of layers, (tiles, 5 x (layers - 1)).
    """
    return np.concatenate([_of_pair(*pair) for pair in pairwise(weights)], axis=1)


def _of_pair(before: Layer, after: Layer) -> Features:
    first, second = before.weight.astype(np.float64), after.weight.astype(np.float64)
    incoming = np.linalg.norm(first, axis=2)
    outgoing = np.linalg.norm(second, axis=1)
    bias = np.abs(before.bias.astype(np.float64))
    out_of = np.linalg.svd(first, full_matrices=False)[0][..., :_DIRECTIONS]
    into = np.linalg.svd(second, full_matrices=False)[2][:, :_DIRECTIONS]
    product = (second @ first) ** 2
    unrelated = (first**2).sum((1, 2)) * (second**2).sum((1, 2)) / first.shape[1]
    return np.stack(
        [
            correlation(incoming, outgoing),
            correlation(incoming, bias),
            correlation(outgoing, bias),
            np.log(((into @ out_of) ** 2).mean((1, 2)) + _TINY),
            np.log((product.sum((1, 2)) + _TINY) / (unrelated + _TINY)),
        ],
        axis=1,
    )


def correlation(first: Features, second: Features) -> Features:
    """Correlation coefficients over the last axis; 0 where one of the two is constant.

    Args:
        first: (..., n).
        second: (..., n).

    Returns:
        (...,), in [-1, 1].
    """
    a = first - first.mean(-1, keepdims=True)
    b = second - second.mean(-1, keepdims=True)
    scale = np.sqrt((a**2).sum(-1) * (b**2).sum(-1))
    return np.asarray((a * b).sum(-1) / np.maximum(scale, _TINY), np.float64)
