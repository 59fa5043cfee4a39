"""One set of shared weights, N+1 functions: what each sees, and what each may change."""

import numpy as np
import pytest
import torch

from sirensong.keys import SecretKey
from sirensong.siren import Architecture, evaluate, initial_weights
from sirensong.substitution import key_weights, keyed_positions, magnitude_positions, substitute
from sirensong.training.parameters import Parameters
from sirensong.training.problem import Problem, Target
from sirensong.training.step import TrainingPass

ARCHITECTURE = Architecture(hidden_features=10, hidden_layers=3)
CPU = torch.device("cpu")
NONCE = bytes(range(32))
KEYS = [SecretKey(bytes([number]) * 32) for number in (1, 2)]


@pytest.fixture
def weights():
    return initial_weights(ARCHITECTURE, np.random.default_rng(5))


def targets(count, size=(6, 8)):
    rng = np.random.default_rng(9)
    return [Target(rng.random((*size, 3), dtype=np.float32), CPU) for _ in range(count)]


def keyed_substitutions():
    chosen = [keyed_positions(key, NONCE, ARCHITECTURE, 0.2) for key in KEYS]
    return [(positions, key_weights(key, NONCE, ARCHITECTURE, positions)) for key, positions in zip(KEYS, chosen, strict=True)]


def test_each_function_has_the_weights_that_a_receiver_would_substitute(weights):
    substitutions = keyed_substitutions()
    problem = Problem(ARCHITECTURE, targets(3), substitutions, [1 / 3] * 3)
    every = problem.weights(Parameters.from_weights(weights, CPU))
    expected = [weights, *(substitute(weights, positions, values) for positions, values in substitutions)]
    for function, layers in enumerate(expected):
        mine = Parameters(every.first[function], every.hidden[:, function], every.last[function],
                          every.biases[:, function], every.last_bias[function]).to_weights()  # fmt: skip
        for layer, other in zip(mine, layers, strict=True):
            np.testing.assert_array_equal(layer.weight, other.weight)
            np.testing.assert_array_equal(layer.bias, other.bias)


@pytest.mark.parametrize("frozen", [False, True])
def test_the_shared_gradient_is_that_of_autograd_through_the_substitution(weights, frozen):
    if frozen:
        mask = magnitude_positions(weights, 0.2)
        substitutions = [(mask, key_weights(key, NONCE, ARCHITECTURE, mask)) for key in KEYS]
    else:
        mask, substitutions = None, keyed_substitutions()
    pictures = targets(3)
    problem = Problem(ARCHITECTURE, pictures, substitutions, [0.5, 0.25, 0.25], frozen=mask)
    shared = Parameters.from_weights(weights, CPU)
    coords, colours = (torch.stack([getattr(target, name) for target in pictures]) for name in ("coords", "colours"))
    _, gradient = TrainingPass(ARCHITECTURE, 3, 48, device=CPU).run(problem.weights(shared), coords, colours, problem.loss_weights)
    mine = problem.shared_gradient(gradient)

    layers = [(torch.tensor(weight, requires_grad=True), torch.tensor(bias, requires_grad=True)) for weight, bias in weights]
    loss = 0.5 * ((evaluate(layers, pictures[0].coords) - pictures[0].colours) ** 2).mean()
    for (positions, values), target in zip(substitutions, pictures[1:], strict=True):
        own = []
        for (weight, bias), places, inserted in zip(layers, positions, values, strict=True):
            flat = weight.flatten().index_put((torch.from_numpy(places),), torch.from_numpy(inserted))
            own.append((flat.view_as(weight), bias))
        loss = loss + 0.25 * ((evaluate(own, target.coords) - target.colours) ** 2).mean()
    loss.backward()

    for index, (stacked, bias) in enumerate(
        zip([mine.first, *mine.hidden, mine.last], [*mine.biases, mine.last_bias], strict=True)
    ):
        expected = layers[index][0].grad.clone()
        if mask is not None:
            expected.view(-1)[torch.from_numpy(mask[index])] = 0
        torch.testing.assert_close(stacked, expected, rtol=1e-4, atol=1e-6)
        torch.testing.assert_close(bias, layers[index][1].grad, rtol=1e-4, atol=1e-6)


def test_parameters_survive_the_way_to_torch_and_back(weights):
    back = Parameters.from_weights(weights, CPU).to_weights()
    for mine, other in zip(back, weights, strict=True):
        np.testing.assert_array_equal(mine.weight, other.weight)
        np.testing.assert_array_equal(mine.bias, other.bias)
