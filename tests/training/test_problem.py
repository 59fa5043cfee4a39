"""One set of shared weights, N+1 functions: what each sees, and what each may change."""

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio

from functions import alone, initial, stack, unstack
from sirensong.keys.secret import SecretKey
from sirensong.network.rendering import colours
from sirensong.network.siren import Architecture, Layer, evaluate
from sirensong.network.substitution import (
    key_weights,
    keyed_positions,
    magnitude_positions,
    substitute,
)
from sirensong.network.tiles import Grid
from sirensong.pictures.image import to_uint8
from sirensong.training.parameters import Parameters
from sirensong.training.problem import Problem, Tile, target_of
from sirensong.training.step import TrainingPass
from sirensong.training.train import decibels

ARCHITECTURE = Architecture(hidden_features=10, hidden_layers=3)
CPU = torch.device("cpu")
NONCE = bytes(range(32))
KEYS = [SecretKey(bytes([number]) * 32) for number in (1, 2)]


@pytest.fixture
def weights():
    return initial(ARCHITECTURE, np.random.default_rng(5))


def targets(count, seed=9):
    rng = np.random.default_rng(seed)
    pictures = [rng.integers(0, 256, (6, 8, 3), np.uint8) for _ in range(count)]
    return [target_of(0, picture, Grid(), CPU) for picture in pictures]


def keyed_substitutions():
    return [with_values(key, *keyed_positions(key, NONCE, ARCHITECTURE, 0.2, [0])) for key in KEYS]


def with_values(key, positions):
    (values,) = key_weights(key, NONCE, ARCHITECTURE, {0: positions})
    return positions, values


def substituted(weights, positions, values):
    copy = tuple(Layer(layer.weight.copy(), layer.bias) for layer in weights)
    substitute(alone(copy), [positions], [values])
    return copy


def test_each_function_has_the_weights_that_a_receiver_would_substitute(weights):
    substitutions = keyed_substitutions()
    others = initial(ARCHITECTURE, np.random.default_rng(6))
    problem = Problem(
        ARCHITECTURE,
        [Tile(targets(3), substitutions), Tile(targets(3), substitutions[::-1])],
        [1 / 3] * 3,
    )
    every = problem.weights(Parameters.from_weights(stack([weights, others]), CPU)).to_weights()
    every = unstack(every)
    expected = [
        weights,
        *(substituted(weights, positions, values) for positions, values in substitutions),
        others,
        *(substituted(others, positions, values) for positions, values in substitutions[::-1]),
    ]
    for mine, layers in zip(every, expected, strict=True):
        for layer, other in zip(mine, layers, strict=True):
            np.testing.assert_array_equal(layer.weight, other.weight)
            np.testing.assert_array_equal(layer.bias, other.bias)


@pytest.mark.parametrize("frozen", [False, True])
def test_the_shared_gradient_of_each_tile_is_that_of_autograd_through_the_substitution(
    weights, frozen
):
    functions = [weights, initial(ARCHITECTURE, np.random.default_rng(6))]
    tiles = []
    for own in functions:
        mask = magnitude_positions(alone(own), 0.2)[0] if frozen else None
        substitutions = (
            [with_values(key, mask) for key in KEYS] if frozen else keyed_substitutions()
        )
        tiles.append(Tile(targets(3, seed=len(tiles)), substitutions, mask))
    problem = Problem(ARCHITECTURE, tiles, [0.5, 0.25, 0.25])
    shared = Parameters.from_weights(stack(functions), CPU)
    coords, colours = (
        torch.stack([getattr(target, name) for target in problem.targets])
        for name in ("coords", "colours")
    )
    _, gradient = TrainingPass(ARCHITECTURE, 6, 48, device=CPU).run(
        problem.weights(shared), coords, colours, problem.loss_weights
    )

    for own, tile, mine in zip(
        functions, tiles, unstack(problem.shared_gradient(gradient).to_weights()), strict=True
    ):
        for index, ((weight, bias), layer) in enumerate(
            zip(gradient_by_autograd(own, tile), mine, strict=True)
        ):
            if tile.frozen is not None:
                weight.view(-1)[torch.from_numpy(tile.frozen[index])] = 0
            torch.testing.assert_close(torch.from_numpy(layer.weight), weight, rtol=1e-4, atol=1e-6)
            torch.testing.assert_close(torch.from_numpy(layer.bias), bias, rtol=1e-4, atol=1e-6)


def gradient_by_autograd(weights, tile):
    layers = [
        (torch.tensor(weight, requires_grad=True), torch.tensor(bias, requires_grad=True))
        for weight, bias in weights
    ]
    cover, *secrets = tile.targets
    loss = 0.5 * ((evaluate(layers, cover.coords) - cover.colours) ** 2).mean()
    for (positions, values), target in zip(tile.substitutions, secrets, strict=True):
        own = []
        for (weight, bias), places, inserted in zip(layers, positions, values, strict=True):
            flat = weight.flatten().index_put(
                (torch.from_numpy(places),), torch.from_numpy(inserted)
            )
            own.append((flat.view_as(weight), bias))
        loss = loss + 0.25 * ((evaluate(own, target.coords) - target.colours) ** 2).mean()
    loss.backward()
    return [(weight.grad, bias.grad) for weight, bias in layers]


def test_each_functions_psnr_is_that_of_its_render(weights):
    tile = Tile(targets(3), keyed_substitutions())
    problem = Problem(ARCHITECTURE, [tile], [1 / 3] * 3)
    shared = Parameters.from_weights(stack([weights]), CPU)
    for psnr, layers, target in zip(
        decibels(problem.errors(shared)),
        unstack(problem.weights(shared).to_weights()),
        tile.targets,
        strict=True,
    ):
        render = colours(evaluate(layers, target.coords.numpy())).reshape(*target.size, 3)
        picture = ((target.colours.numpy() + 1) / 2).reshape(*target.size, 3)
        assert psnr == pytest.approx(
            peak_signal_noise_ratio(to_uint8(picture), to_uint8(render)), abs=1e-3
        )


def test_parameters_survive_the_way_to_torch_and_back(weights):
    functions = [weights, initial(ARCHITECTURE, np.random.default_rng(6))]
    back = unstack(Parameters.from_weights(stack(functions), CPU).to_weights())
    for mine, other in zip(back, functions, strict=True):
        for layer, expected in zip(mine, other, strict=True):
            np.testing.assert_array_equal(layer.weight, expected.weight)
            np.testing.assert_array_equal(layer.bias, expected.bias)
