"""Which weights are replaced: features of weights, and detectors that learn from them."""

import sys

import numpy as np
import pytest
import torch

from sirensong.errors import MissingDependencyError
from sirensong.lab.secrecy.positions import (
    OF_COVER,
    OF_WEIGHTS,
    _slopes,
    area,
    areas,
    confirmation,
    features,
    learn,
    replaced_weights,
)
from sirensong.network.siren import evaluate
from sirensong.network.substitution import keyed_positions


def test_labels_are_the_positions_of_the_keys_stream(secret, key):
    stego = secret.stego
    sizes = [out * into for out, into in stego.architecture.shapes]
    labels = replaced_weights([secret]).reshape(2, sum(sizes))
    for tile in range(2):
        (expected,) = keyed_positions(key, stego.nonce, stego.architecture, 0.1, [tile])
        parts = np.split(labels[tile], np.cumsum(sizes)[:-1])
        for part, positions in zip(parts, expected, strict=True):
            np.testing.assert_array_equal(np.flatnonzero(part), positions)


def test_rows_of_features_are_in_the_order_of_labels(secret):
    table = features(secret.stego)
    assert table.shape == (len(replaced_weights([secret])), len(OF_WEIGHTS))
    flat = np.concatenate(
        [
            (layer.weight / layer.weight[0].std()).ravel()
            for _ in range(2)
            for layer in secret.stego.tiles([0])
        ]
    )
    np.testing.assert_allclose(table[:, OF_WEIGHTS.index("w")], flat, rtol=1e-5)
    assert np.isfinite(table).all()


def test_slopes_are_those_of_automatic_differentiation(weights):
    rng = np.random.default_rng(4)
    coords, target = rng.uniform(-1, 1, (30, 2)), rng.uniform(-1, 1, (30, 3))
    layers = tuple(type(layer)(layer.weight[None], layer.bias[None]) for layer in weights)
    found = _slopes(layers, coords, target)
    tensors = [
        (
            torch.tensor(layer.weight, dtype=torch.float64, requires_grad=True),
            torch.tensor(layer.bias, dtype=torch.float64),
        )
        for layer in weights
    ]
    output = evaluate(tensors, torch.from_numpy(coords))
    matrices = [weight for weight, _ in tensors]
    loss = (output - torch.from_numpy(target)).square().sum() / 2
    gradients = torch.autograd.grad(loss, matrices, retain_graph=True)
    squares = [np.zeros(matrix.shape) for matrix in matrices]
    for value in output.ravel():
        slopes = torch.autograd.grad(value, matrices, retain_graph=True)
        for square, slope in zip(squares, slopes, strict=True):
            square += slope.numpy() ** 2
    for (gradient, curvature), expected, square in zip(found, gradients, squares, strict=True):
        np.testing.assert_allclose(gradient, expected.numpy(), rtol=1e-6, atol=1e-12)
        np.testing.assert_allclose(curvature, square, rtol=1e-6, atol=1e-12)


def test_a_cover_adds_what_its_error_says(secret):
    cover = np.random.default_rng(1).random((6, 9, 3)).astype(np.float32)
    table = features(secret.stego, cover)
    assert table.shape[1] == len(OF_WEIGHTS) + len(OF_COVER)
    np.testing.assert_array_equal(table[:, : len(OF_WEIGHTS)], features(secret.stego))
    assert np.isfinite(table).all()


def test_areas_count_pairs():
    labels = np.array([True, False, True, False])
    assert area(np.array([3.0, 1.0, 2.0, 0.0]), labels) == 1
    assert area(np.array([1.0, 1.0, 0.0, 0.0]), labels) == 0.5
    found = areas(np.array([3.0, 1.0, 0.0, 2.0]), labels, np.array([0, 0, 1, 1]))
    assert found == {"all": 0.5, "matrix 0": 1.0, "matrix 1": 0.0}


def test_a_detector_finds_what_differs_and_nothing_where_nothing_does():
    rng = np.random.default_rng(2)
    tables = [rng.normal(size=(3000, 4)).astype(np.float32) for _ in range(4)]
    labels = [rng.random(3000) < 0.1 for _ in tables]
    clean = learn(tables[:3], labels[:3])(tables[3])
    assert abs(area(clean, labels[3]) - 0.5) < 0.05
    for table, own in zip(tables, labels, strict=True):
        table[own, 1] *= 3
    found = learn(tables[:3], labels[:3])(tables[3])
    assert area(found, labels[3]) > 0.7


def test_a_key_is_confirmed_by_the_mean_rank_of_its_weights_in_their_matrices(secret):
    ranks = features(secret.stego)[:, OF_WEIGHTS.index("rank in matrix")]
    own = ranks[replaced_weights([secret])].astype(np.float64)
    expected = (own.mean() - 0.5) / np.sqrt(1 / 12 / len(own))
    assert confirmation(secret) == pytest.approx(expected, rel=1e-5)


def test_without_scikit_learn_a_detector_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.ensemble", None)
    with pytest.raises(MissingDependencyError, match="detectors need scikit-learn") as raised:
        learn([], [])
    assert raised.value.hint == "pip install 'sirensong[lab]'"
