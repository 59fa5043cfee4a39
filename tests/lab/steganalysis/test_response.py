"""How functions respond, against automatic differentiation and renders made by hand."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from functions import initial, stack, unstack
from sirensong.lab.steganalysis import response as module
from sirensong.lab.steganalysis.response import picture_facts, response
from sirensong.network.siren import Layer, evaluate
from sirensong.network.tiles import Grid


@pytest.fixture
def tiles(architecture):
    """The weights of two tiles."""
    rng = np.random.default_rng(4)
    return stack([initial(architecture, rng) for _ in range(2)])


@pytest.fixture
def pixels():
    """Nine points for each of two tiles."""
    points = np.random.default_rng(5).uniform(-1, 1, (9, 2)).astype(np.float32)
    return np.broadcast_to(points, (2, 9, 2))


def test_gradients_are_those_of_torch(tiles, pixels):
    ahead = np.random.default_rng(6).normal(size=(2, 9, 3)).astype(np.float32)
    done = module._forward(tiles, pixels)
    np.testing.assert_allclose(done.output, evaluate(tiles, pixels), rtol=1e-4, atol=1e-5)
    deltas = module._backward(tiles, done, ahead)
    leaves = [tuple(torch.tensor(a, requires_grad=True) for a in layer) for layer in tiles]
    (evaluate(leaves, torch.tensor(pixels)) * torch.tensor(ahead)).sum().backward()
    for inputs, delta, (weight, bias) in zip(done.inputs, deltas, leaves, strict=True):
        by_hand = delta.swapaxes(1, 2) @ inputs
        np.testing.assert_allclose(by_hand, weight.grad, rtol=1e-3, atol=1e-3)
        np.testing.assert_allclose(delta.sum(1), bias.grad, rtol=1e-3, atol=1e-3)


def test_curvature_is_the_mean_of_squared_slopes(tiles, pixels):
    """The trace of the first layer of the first tile, from one gradient for each pixel."""
    signs = np.random.default_rng(1).choice(np.array([-1, 1], np.float32), (9, 3))
    squares = 0.0
    for place in range(9):
        leaves = [tuple(torch.tensor(array[:1]) for array in layer) for layer in tiles]
        leaves[0][0].requires_grad = True
        output = evaluate(leaves, torch.tensor(pixels[:1, place : place + 1].copy()))
        (output[0, 0] * torch.tensor(signs[place])).sum().backward()
        squares += float((leaves[0][0].grad ** 2).sum())
    found = module._slopes(tiles, pixels).reshape(2, len(tiles), 10)[0, 0, 0]
    assert found == pytest.approx(np.log(squares / 9 / tiles[0].weight[0].size), rel=1e-3)


def test_a_finer_function_has_more_between_pixels(make_stego, tiles):
    """The first matrix times four: the same picture, of four times the frequency."""
    first, *rest = tiles
    finer = (Layer(4 * first.weight, first.bias), *rest)
    slow, fast = (response(carrier(make_stego, w, 16, 32)) for w in (tiles, finer))
    for surprise in (0, 1, 4, 5):  # alone and against the steps between pixels, down and across
        assert (fast[:, surprise] > slow[:, surprise]).all()


def carrier(make_stego, tiles, height, width):
    two = make_stego(weights=unstack(tiles), grid=Grid(1, 2))
    return replace(two, height=height, width=width)


def test_replacement_by_zeros_of_what_is_zero_changes_nothing(tiles, pixels):
    nothing = tuple(Layer(np.zeros_like(w), b) for w, b in tiles)
    mean, zeros = module._replaced(nothing, pixels)[:, :2].T
    assert (zeros < -27).all()
    assert (mean > -20).all()


def test_draws_are_shared_by_tiles_and_carriers(tiles, pixels):
    twice = tuple(Layer(np.stack([w[0], w[0]]), np.stack([b[0], b[0]])) for w, b in tiles)
    first, second = module._replaced(twice, pixels)
    np.testing.assert_allclose(first, second, rtol=1e-5)
    np.testing.assert_allclose(first, module._replaced(tiles, pixels)[0], rtol=1e-5)


def test_facts_of_a_picture_are_its_light_and_detail(make_stego, tiles):
    """A function whose last matrix is zero shows its last bias everywhere."""
    *rest, last = tiles
    bias = np.array([[0.5, 0, 0.1], [-0.3, -0.3, -0.3]], np.float32)
    flat = (*rest, Layer(np.zeros_like(last.weight), bias))
    facts = picture_facts(carrier(make_stego, flat, 8, 16))
    assert facts.shape == (2, 6)
    assert facts[:, 0] == pytest.approx([0.2, -0.3])
    assert facts[:, 1:] == pytest.approx(np.log(1e-4), abs=0.02)


@pytest.mark.parametrize("size", [(1, 2), (3, 5), (64, 130)])
def test_tiles_of_every_size_have_finite_responses(make_stego, tiles, size):
    stego = carrier(make_stego, tiles, *size)
    assert np.isfinite(response(stego)).all()
    assert np.isfinite(picture_facts(stego)).all()
