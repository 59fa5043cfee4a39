"""The compiled pass against autograd in float64, and against PyTorch's pass."""

import dataclasses

import numpy as np
import pytest
import torch

import sirensong as ss
from sirensong.network.siren import evaluate, initial_weights
from sirensong.training import native
from sirensong.training.fused import FusedPass, TorchPass, pass_for, split_of
from sirensong.training.parameters import Parameters
from sirensong.training.problem import Problem, Target, Tile
from sirensong.training.wrong_keys import WrongKeys

CPU = torch.device("cpu")
ROUTINES = native.routines_for("cpu")
SIZES = [(1, 2, 1), (17, 3, 77), (32, 5, 64), (48, 6, 130), (80, 2, 9)]  # features, layers, points

pytestmark = pytest.mark.skipif(ROUTINES is None, reason="no compiled routines for this machine")


def random_masks(problem, rng):
    """Let a third of all weights of each function but the first be its own."""
    for kept, inserted in zip(problem.kept, problem.inserted, strict=True):
        axis = kept.ndim - 3
        own = torch.from_numpy((rng.random(kept.shape) < 1 / 3).astype(np.float32))
        own.select(axis, 0).zero_()
        kept.copy_(1 - own)
        inserted.copy_(own * torch.from_numpy(rng.uniform(-0.2, 0.2, own.shape).astype(np.float32)))


def problem_of(features, layers, tiles=2, functions=3, frozen=None):
    """Functions with weights of their own, and shared weights for them."""
    rng, architecture = np.random.default_rng(features), ss.Architecture(features, layers, 20.0)
    target = Target((1, 1), torch.zeros(1, 2), torch.zeros(1, 3))
    own = [Tile([target] * functions, (), frozen)] * tiles
    whole = Problem(architecture, own, rng.random(functions).tolist())
    random_masks(whole, rng)
    rngs = [np.random.default_rng(tile) for tile in range(tiles)]
    return whole, Parameters.from_weights(initial_weights(architecture, rngs), CPU)


def batch_of(problem, points, seed=1):
    generator = torch.Generator().manual_seed(seed)
    coords = torch.rand(problem.functions, points, 2, generator=generator) * 2 - 1
    return coords, torch.rand(problem.functions, points, 3, generator=generator)


def by_autograd(problem, shared, coords, colours):
    """Errors and gradients in float64."""
    shared = [tensor.double().requires_grad_() for tensor in shared.tensors()]
    first, hidden, last, biases, last_bias = shared
    masks = zip(problem.kept, problem.inserted, strict=True)
    first, hidden, last = (
        matrix.unsqueeze(kept.ndim - 3) * kept + inserted
        for matrix, (kept, inserted) in zip((first, hidden, last), masks, strict=True)
    )
    errors, each = [], problem.functions // problem.tiles
    for index in range(problem.functions):
        tile, function = divmod(index, each)
        matrices = (first[tile, function], *hidden[:, tile, function], last[tile, function])
        layers = list(zip(matrices, (*biases[:, tile], last_bias[tile]), strict=True))
        residual = evaluate(layers, coords[index].double()) - colours[index]
        errors.append(residual.square().mean())
    errors = torch.stack(errors)
    loss = (errors * problem.loss_weights.double()).sum()
    return errors.detach(), torch.autograd.grad(loss, shared)


def assert_near(one, other, share):
    assert one.shape == other.shape
    assert (one - other).norm() <= share * other.norm()


def assert_autograds(errors, gradient, problem, shared, batch):
    """As autograd has them in float64."""
    expected_errors, expected = by_autograd(problem, shared, *batch)
    assert_near(errors.double(), expected_errors, 2e-6)
    for mine, theirs in zip(gradient.tensors(), expected, strict=True):
        assert_near(mine.double(), theirs, 1e-5)


@pytest.mark.parametrize(("features", "layers", "points"), SIZES)
def test_errors_and_gradients_are_those_of_autograd_in_float64(features, layers, points):
    problem, shared = problem_of(features, layers)
    batch = batch_of(problem, points)
    errors, gradient = FusedPass(problem, points, ROUTINES, threads=1).run(shared, *batch)
    assert_autograds(errors, gradient, problem, shared, batch)


@pytest.mark.parametrize(("features", "layers", "points"), SIZES)
def test_a_pass_is_pytorchs(features, layers, points):
    problem, shared = problem_of(features, layers)
    batch = batch_of(problem, points)
    errors, gradient = FusedPass(problem, points, ROUTINES, threads=1).run(shared, *batch)
    theirs = TorchPass(problem, points, torch.float32, CPU)
    expected_errors, expected = theirs.run(shared, *batch)
    assert_near(errors, expected_errors, 2e-6)
    for mine, theirs in zip(gradient.tensors(), expected.tensors(), strict=True):
        assert_near(mine, theirs, 1e-5)


def test_what_is_frozen_has_no_gradient():
    none = np.zeros(0, np.int64)
    problem, shared = problem_of(17, 3, frozen=(none, np.array([0, 20]), np.array([288]), none))
    batch = batch_of(problem, 5)
    _, gradient = FusedPass(problem, 5, ROUTINES, threads=1).run(shared, *batch)
    frozen = gradient.hidden[:, 0] == 0
    assert frozen.nonzero().tolist() == [[0, 0, 0], [0, 1, 3], [1, 16, 16]]


@pytest.mark.parametrize("threads", [2, 3, 9])
def test_results_do_not_depend_on_the_number_of_threads(threads):
    problem, shared = problem_of(32, 4, tiles=5)
    batch = batch_of(problem, 100)
    errors, gradient = FusedPass(problem, 100, ROUTINES, threads=1).run(shared, *batch)
    for _ in range(5):
        again = FusedPass(problem, 100, ROUTINES, threads=threads).run(shared, *batch)
        assert torch.equal(again[0], errors)
        for one, other in zip(again[1].tensors(), gradient.tensors(), strict=True):
            assert torch.equal(one, other)


@pytest.mark.parametrize(
    ("functions", "points", "split"), [(1, 2100, 2), (3, 4099, 4), (7, 2048, 2)]
)
def test_points_of_a_few_functions_come_in_groups(functions, points, split):
    assert split_of(functions, points) == split
    problem, shared = problem_of(17, 3, tiles=1, functions=functions)
    batch = batch_of(problem, points)
    errors, gradient = FusedPass(problem, points, ROUTINES, threads=1).run(shared, *batch)
    assert_autograds(errors, gradient, problem, shared, batch)
    again = FusedPass(problem, points, ROUTINES, threads=5).run(shared, *batch)
    assert torch.equal(again[0], errors)
    for one, other in zip(again[1].tensors(), gradient.tensors(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize(
    ("functions", "points", "split"),
    [
        *((1, 65536, 12), (3, 16384, 4), (4, 16384, 3), (5, 16384, 3), (11, 16384, 2)),
        *((12, 16384, 1), (300, 65536, 1), (1, 2048, 2), (1, 2047, 1)),
    ],
)
def test_groups_are_as_many_as_threads_can_share_and_not_small(functions, points, split):
    assert split_of(functions, points) == split


def test_a_pass_does_not_remember_the_last():
    problem, shared = problem_of(17, 3)
    batches = [batch_of(problem, 70, seed) for seed in range(2)]
    one_pass = FusedPass(problem, 70, ROUTINES, threads=2)
    first = [tensor.clone() for tensor in one_pass.run(shared, *batches[0])[1].tensors()]
    one_pass.run(shared, *batches[1])
    again = one_pass.run(shared, *batches[0])[1].tensors()
    assert all(torch.equal(one, other) for one, other in zip(first, again, strict=True))


def test_weights_that_are_not_finite_give_errors_that_are_not():
    """So that training that diverges is noticed."""
    for value in (float("inf"), float("nan"), 1e30):
        problem, shared = problem_of(17, 3)
        shared.hidden[1, 0, 3, 5] = value
        problem.kept[1].fill_(1)
        batch = batch_of(problem, 10)
        errors, _ = FusedPass(problem, 10, ROUTINES, threads=1).run(shared, *batch)
        assert not errors[:3].isfinite().any()
        assert errors[3:].isfinite().all()


def test_tensors_may_lie_in_memory_in_any_order():
    problem, shared = problem_of(17, 3)
    coords, colours = batch_of(problem, 10)
    one_pass = FusedPass(problem, 10, ROUTINES, threads=1)
    expected = one_pass.run(shared, coords, colours)[0].clone()
    turned = dataclasses.replace(shared, hidden=shared.hidden.mT.contiguous().mT)
    assert not turned.hidden.is_contiguous()
    colours = colours.mT.contiguous().mT
    assert torch.equal(one_pass.run(turned, coords, colours)[0], expected)


# Which pass a step has.


def test_pytorch_has_one_thread_within_a_compiled_step_and_all_of_them_outside(
    monkeypatch, torch_threads
):
    torch_threads(2)
    inside, outside, threads, shared = set(), set(), set(), native.shared

    def sharing(work, count):
        threads.add(count)
        shared(work, count)

    def level(self, hidden):
        inside.add(torch.get_num_threads())

    monkeypatch.setattr(native, "shared", sharing)
    monkeypatch.setattr(WrongKeys, "level", level)
    rng = np.random.default_rng(1)
    pictures = [rng.integers(0, 256, (32, 32, 3), np.uint8) for _ in range(2)]
    options = ss.Options(on_step=lambda *_: outside.add(torch.get_num_threads()), precision="fp32")
    recipe = dataclasses.replace(ss.FAST, tile=16).with_steps(3, cover=1)
    ss.hide(pictures[0], {ss.SecretKey(bytes(32)): pictures[1]}, recipe=recipe, options=options)
    assert (inside, outside, threads) == ({1}, {2}, {2})


@pytest.mark.parametrize(
    ("precision", "features", "threads", "compiled"),
    [
        ("auto", 48, 1, True),
        ("fp32", 128, 2, True),
        ("mixed", 48, 1, False),
        ("fp32", 129, 1, False),
        ("fp32", 48, 4, True),
        ("fp32", 48, 5, False),  # of 6 functions one thread would have two
        ("fp32", 48, 8, True),
        ("fp32", 48, 9, False),  # and three threads none
    ],
)
def test_steps_are_compiled_where_that_is_faster(
    precision, features, threads, compiled, monkeypatch
):
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    problem, _ = problem_of(features, 2)
    one_pass = pass_for(problem, 8, precision, CPU)
    assert isinstance(one_pass, FusedPass if compiled else TorchPass)


def test_one_large_function_is_shared_by_all_threads(monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    problem, _ = problem_of(48, 2, tiles=1, functions=1)
    assert isinstance(pass_for(problem, 2047, "fp32", CPU), TorchPass)
    shares, one_pass = [], pass_for(problem, 2048, "fp32", CPU)
    monkeypatch.setattr(native, "shared", lambda _, threads: shares.append(threads))
    shared = problem_of(48, 2, tiles=1, functions=1)[1]
    one_pass.run(shared, *batch_of(problem, 2048))
    assert shares == [2]


def test_a_gpu_has_no_compiled_routines():
    assert native.routines_for("cuda") is None
