"""Do the published weights tell which of them a key replaces?

Replaced weights are trained for fewer functions than the others, or for none but the cover's, and
may differ in size, in how they fit their matrix, and in what the cover's error says of them. A
detector learns that from carriers whose keys it knows, and judges the weights of others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from sirensong.carrier.stego import StegoFunction
from sirensong.errors import needing
from sirensong.lab.secrecy.knowledge import replacements
from sirensong.network.rendering import Function
from sirensong.network.siren import Weights
from sirensong.pictures.image import Pixels
from sirensong.reveal import SecretFunction

Table = npt.NDArray[np.float32]
"""Features of weights: (weights, features), tile by tile, matrix by matrix, row by row."""

Scores = npt.NDArray[np.float64]
"""A number for each weight: more is rather replaced."""

Labels = npt.NDArray[np.bool_]
"""For each weight whether a key replaces it."""

Detector = Callable[[Table], Scores]
"""Judges the weights of a carrier by their features."""

_Matrix = npt.NDArray[np.float64]

OF_WEIGHTS = (
    "matrix",
    "|w|",
    "w",
    "rank in matrix",
    "rank in row",
    "rank in column",
    "row norm",
    "column norm",
    "|w| against row and column",
    "bias above",
    "bias below",
    "weights above",
    "weights below",
    "missed by a quarter of the spectrum",
    "missed by half of the spectrum",
    "row in the spectrum",
    "column in the spectrum",
    "inverse",
)
"""Features that anybody can compute."""

OF_COVER = ("|gradient|", "gradient x w", "curvature", "curvature x w^2", "gradient^2 / curvature")
"""Features for whoever has the true cover: of the cover's error at each weight."""

_BLOCK = 4096  # points whose curvature is computed at a time
_TINY = 1e-20


def replaced_weights(secrets: Sequence[SecretFunction]) -> Labels:
    """Tell which weights of a carrier any of some keys replaces.

    Args:
        secrets: what each key makes of the carrier, one at least.

    Returns:
        For each weight of the carrier, in the order of Table's rows.
    """
    stego = secrets[0].stego
    tiles = stego.grid.tiles
    marks = [np.zeros((tiles, out * into), bool) for out, into in stego.architecture.shapes]
    for secret in secrets:
        for own in replacements(secret):
            for matrix, positions in zip(marks, own.positions, strict=True):
                matrix[own.tile, positions] = True
    return np.concatenate(marks, axis=1).ravel()


def confirmation(secret: SecretFunction) -> float:
    """Tell whether a key is right by the size of the weights that it replaces, without slots.

    Args:
        secret: what a key makes of a carrier.

    Returns:
        How much the mean rank of |w| at its positions, in each matrix, is above chance, in
        standard deviations.
    """
    ranks = _ranks_in_matrices(secret.stego)[replaced_weights([secret])]
    return float((ranks.mean() - 0.5) * np.sqrt(12 * len(ranks)))


def _ranks_in_matrices(stego: StegoFunction) -> Scores:
    """Ranks of |w| in the matrix of each weight, in the order of Table's rows."""
    tiles = stego.grid.tiles
    sizes = [np.abs(layer.weight).reshape(tiles, -1) for layer in stego.weights]
    return np.concatenate([_ranks(matrix) for matrix in sizes], axis=1).ravel()


def features(stego: StegoFunction, cover: Pixels | None = None) -> Table:
    """Describe each weight of a carrier.

    Args:
        stego: the carrier.
        cover: the true cover, if it is known.

    Returns:
        A row for each weight: OF_WEIGHTS, and OF_COVER with a cover.
    """
    tables = []
    for tile in range(stego.grid.tiles):
        weights = stego.tiles([tile])
        columns = np.concatenate(_of_weights(weights), axis=1)
        if cover is not None:
            columns = np.concatenate([columns, _of_cover(stego, weights, tile, cover)])
        tables.append(columns.T.astype(np.float32))
    return np.concatenate(tables)


def _of_weights(weights: Weights) -> list[_Matrix]:
    """OF_WEIGHTS of one tile: (features, weights) for each matrix."""
    matrices = [layer.weight[0].astype(np.float64) for layer in weights]
    biases = [np.zeros(matrices[0].shape[1]), *(layer.bias[0] for layer in weights)]
    described = []
    for index, matrix in enumerate(matrices):
        size = np.abs(matrix)
        rows, columns = np.sqrt((matrix**2).mean(1)), np.sqrt((matrix**2).mean(0))
        above = np.zeros(len(matrix))
        if index + 1 < len(matrices):
            above = np.sqrt((matrices[index + 1] ** 2).mean(0))
        below = np.zeros(matrix.shape[1])
        if index > 0:
            below = np.sqrt((matrices[index - 1] ** 2).mean(1))
        values = [
            np.full(matrix.shape, index),
            size / size.std(),
            matrix / matrix.std(),
            _ranks(size.ravel()[None]).reshape(matrix.shape),
            _ranks(size),
            _ranks(size.T).T,
            _spread(rows / rows.mean(), matrix.shape, 1),
            _spread(columns / columns.mean(), matrix.shape, 0),
            size / np.sqrt(np.outer(rows, columns) + _TINY),
            _spread(np.abs(biases[index + 1]), matrix.shape, 1),
            _spread(np.abs(biases[index]), matrix.shape, 0),
            _spread(above, matrix.shape, 1),
            _spread(below, matrix.shape, 0),
            *_of_spectrum(matrix),
        ]
        described.append(np.stack([value.ravel() for value in values]))
    return described


def _of_spectrum(matrix: _Matrix) -> list[_Matrix]:
    """How each weight fits the directions in which its matrix is large, and small."""
    left, values, right = np.linalg.svd(matrix, full_matrices=False)
    missed = []
    for share in (0.25, 0.5):
        kept = max(1, round(share * len(values)))
        near = (left[:, :kept] * values[:kept]) @ right[:kept]
        missed.append(np.abs(matrix - near) / matrix.std())
    kept = max(1, len(values) // 4)
    inverse = np.abs(np.linalg.pinv(matrix).T)
    return [
        *missed,
        _spread((left[:, :kept] ** 2).sum(1), matrix.shape, 1),
        _spread((right[:kept] ** 2).sum(0), matrix.shape, 0),
        inverse / inverse.mean(),
    ]


def _ranks(values: _Matrix) -> _Matrix:
    """Ranks within each row, from 0 to 1."""
    order = np.argsort(np.argsort(values, axis=1), axis=1)
    ranks: _Matrix = order / max(1, values.shape[1] - 1)
    return ranks


def _spread(values: npt.NDArray[Any], shape: tuple[int, ...], axis: int) -> _Matrix:
    """Give every weight its row's value (axis 1) or its column's (axis 0)."""
    return np.broadcast_to(np.expand_dims(values, axis), shape).astype(np.float64)


def slopes(
    function: Function, weights: Weights, tile: int, picture: Pixels
) -> list[tuple[_Matrix, _Matrix]]:
    """How the error of a tile's render depends on each weight, to first and second order.

    Args:
        function: whose grid it is.
        weights: of the tile.
        tile: its place in the picture.
        picture: what the function should render.

    Returns:
        Gradient and Gauss-Newton curvature of the summed squared error, halved, for each matrix.
    """
    patch = function.grid.patch(tile, (picture.shape[0], picture.shape[1]))
    target = picture[patch.rows, patch.columns].reshape(-1, 3).astype(np.float64) * 2 - 1
    return _slopes(weights, patch.coords.astype(np.float64), target)


def _of_cover(stego: StegoFunction, weights: Weights, tile: int, cover: Pixels) -> _Matrix:
    """OF_COVER of one tile: (features, weights)."""
    described = []
    for layer, (gradient, curvature) in zip(
        weights, slopes(stego, weights, tile, cover), strict=True
    ):
        matrix = layer.weight[0]
        size = np.sqrt((gradient**2).mean()) + _TINY
        bend = curvature.mean() + _TINY
        relative, bent, own = gradient / size, curvature / bend, matrix / matrix.std()
        values = [
            np.abs(relative),
            relative * own,
            bent,
            bent * own**2,
            relative**2 / (bent + 1e-6),
        ]
        described.append(np.stack([value.ravel() for value in values]))
    return np.concatenate(described, axis=1)


def _slopes(weights: Weights, coords: _Matrix, target: _Matrix) -> list[tuple[_Matrix, _Matrix]]:
    """What `slopes` returns, for given points and colours in [-1, 1]."""
    gradients = [np.zeros(layer.weight[0].shape) for layer in weights]
    curvatures = [np.zeros(layer.weight[0].shape) for layer in weights]
    for start in range(0, len(coords), _BLOCK):
        inputs, cosines, output = _forward(weights, coords[start : start + _BLOCK])
        residual = output - target[start : start + _BLOCK]
        for channel in range(3):
            delta = np.zeros_like(residual)
            delta[:, channel] = 1
            for index in reversed(range(len(weights))):
                led = delta * residual[:, channel, None]
                gradients[index] += led.T @ inputs[index]
                curvatures[index] += (delta**2).T @ inputs[index] ** 2
                if index > 0:
                    delta = (delta @ weights[index].weight[0]) * cosines[index - 1]
    return list(zip(gradients, curvatures, strict=True))


def _forward(weights: Weights, coords: _Matrix) -> tuple[list[_Matrix], list[_Matrix], _Matrix]:
    """What goes into each layer, the derivative of each sine, and the output."""
    inputs, cosines = [coords], []
    for layer in weights[:-1]:
        phase = inputs[-1] @ layer.weight[0].T.astype(np.float64) + layer.bias[0]
        cosines.append(np.cos(phase))
        inputs.append(np.sin(phase))
    return inputs, cosines, inputs[-1] @ weights[-1].weight[0].T + weights[-1].bias[0]


def learn(known: Sequence[Table], labels: Sequence[Labels], seed: int = 0) -> Detector:
    """Learn from carriers whose keys are known to find replaced weights (gradient boosting).

    Args:
        known: features of each known carrier's weights.
        labels: which of them are replaced.
        seed: of the boosting.

    Returns:
        What scores the weights of other carriers by the same features.

    Raises:
        MissingDependencyError: scikit-learn is not installed.
    """
    with needing("detectors need scikit-learn", extra="lab"):
        from sklearn.ensemble import HistGradientBoostingClassifier
    model = HistGradientBoostingClassifier(
        max_iter=150, learning_rate=0.08, max_leaf_nodes=15, random_state=seed
    )
    model.fit(np.concatenate(known), np.concatenate(labels))

    def judge(table: Table) -> Scores:
        scores: Scores = model.predict_proba(table)[:, 1]
        return scores

    return judge


def areas(scores: Scores, labels: Labels, matrices: npt.NDArray[Any]) -> dict[str, float]:
    """Area under the ROC curve of a detector: 0.5 is guessing, 1 finds every position.

    Args:
        scores: of each weight.
        labels: of each weight.
        matrices: which matrix each weight is of, the column "matrix" of its features.

    Returns:
        The area over all weights, and over those of each matrix, first to last.
    """
    found = {"all": area(scores, labels)}
    for index in np.unique(matrices):
        own = matrices == index
        found[f"matrix {int(index)}"] = area(scores[own], labels[own])
    return found


def area(scores: Scores, labels: Labels) -> float:
    """Share of pairs of a replaced weight and another in which the replaced one scores more.

    Args:
        scores: of each weight; ties count by half.
        labels: of each weight, not all the same.
    """
    from scipy.stats import rankdata

    ranks, positive = rankdata(scores), int(labels.sum())
    least = positive * (positive + 1) / 2
    return float((ranks[labels].sum() - least) / (positive * (len(labels) - positive)))
