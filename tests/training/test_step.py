"""The hand-derived backward pass against autograd, which shares no code with it."""

import pytest
import torch

from sirensong.network.siren import Architecture, evaluate
from sirensong.training.device import split_for
from sirensong.training.parameters import Parameters
from sirensong.training.step import TrainingPass

ARCHITECTURE = Architecture(hidden_features=12, hidden_layers=4)
CPU = torch.device("cpu")


def random_weights(functions, generator):
    features, layers = ARCHITECTURE.hidden_features, ARCHITECTURE.hidden_layers
    shapes = (
        (functions, features, 2),
        (layers - 1, functions, features, features),
        (functions, 3, features),
    )
    matrices = [torch.randn(shape, generator=generator) / 2 for shape in shapes]
    biases = (
        torch.randn(layers, functions, features, generator=generator),
        torch.randn(functions, 3, generator=generator),
    )
    return Parameters(*matrices, *biases)


def layers_of(weights, function):
    matrices = [weights.first[function], *weights.hidden[:, function], weights.last[function]]
    return list(
        zip(matrices, [*weights.biases[:, function], weights.last_bias[function]], strict=True)
    )


def by_autograd(weights, coords, colours, loss_weights):
    for tensor in weights.tensors():
        tensor.requires_grad_()
    errors = torch.stack(
        [
            ((evaluate(layers_of(weights, f), coords[f]) - colours[f]) ** 2).mean()
            for f in range(len(coords))
        ]
    )
    gradients = torch.autograd.grad((errors * loss_weights).sum(), weights.tensors())
    return errors.detach(), gradients


@pytest.mark.parametrize(("functions", "threads"), [(1, 1), (3, 1), (3, 2), (4, 2)])
def test_the_backward_pass_is_that_of_autograd(functions, threads, torch_threads):
    torch_threads(threads)
    generator = torch.Generator().manual_seed(functions)
    weights = random_weights(functions, generator)
    coords, colours = (
        torch.rand(functions, 24, 2, generator=generator) * 2 - 1,
        torch.rand(functions, 24, 3, generator=generator),
    )
    loss_weights = torch.rand(functions, generator=generator)

    errors, gradient = TrainingPass(ARCHITECTURE, functions, 24, device=CPU).run(
        weights, coords, colours, loss_weights
    )
    expected_errors, expected = by_autograd(weights, coords, colours, loss_weights)

    torch.testing.assert_close(errors, expected_errors, rtol=1e-5, atol=1e-6)
    for mine, theirs in zip(gradient.tensors(), expected, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-6)


def test_mixed_precision_keeps_errors_exact_and_gradients_close():
    generator = torch.Generator().manual_seed(7)
    weights = random_weights(2, generator)
    coords, colours = (
        torch.rand(2, 64, 2, generator=generator),
        torch.rand(2, 64, 3, generator=generator),
    )
    loss_weights = torch.full((2,), 0.5)
    mixed = TrainingPass(ARCHITECTURE, 2, 64, device=CPU, backward_dtype=torch.bfloat16)

    errors, gradient = mixed.run(weights, coords, colours, loss_weights)
    expected_errors, expected = by_autograd(weights, coords, colours, loss_weights)

    torch.testing.assert_close(errors, expected_errors, rtol=1e-5, atol=1e-6)
    for mine, theirs in zip(gradient.tensors(), expected, strict=True):
        assert mine.dtype == torch.float32
        assert (mine - theirs).norm() < 0.02 * theirs.norm()


def test_a_second_pass_does_not_remember_the_first():
    generator = torch.Generator().manual_seed(3)
    weights = random_weights(2, generator)
    batches = [
        (torch.rand(2, 8, 2, generator=generator), torch.rand(2, 8, 3, generator=generator))
        for _ in range(2)
    ]
    engine, loss_weights = TrainingPass(ARCHITECTURE, 2, 8, device=CPU), torch.ones(2)
    first = [
        tensor.clone() for tensor in engine.run(weights, *batches[0], loss_weights)[1].tensors()
    ]
    engine.run(weights, *batches[1], loss_weights)
    again = engine.run(weights, *batches[0], loss_weights)[1].tensors()
    assert all(torch.equal(one, other) for one, other in zip(first, again, strict=True))


@pytest.mark.parametrize(
    ("functions", "points", "threads", "split"),
    [(3, 1024, 2, 2), (4, 1024, 2, 1), (3, 1024, 8, 8), (6, 30, 4, 2), (3, 15, 2, 1)],
)
def test_points_are_split_so_that_threads_share_evenly(
    functions, points, threads, split, monkeypatch
):
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    assert split_for(functions, points, CPU) == split
    assert split_for(functions, points, torch.device("cuda")) == 1
