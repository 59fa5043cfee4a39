"""One step of each part, against a few lines of NumPy."""

import dataclasses

import numpy as np
import pytest
import torch

import sirensong as ss
from sirensong.network.siren import evaluate, initial_weights
from sirensong.network.tiles import Grid
from sirensong.training import problem as problems
from sirensong.training.optimizer import Adam, Muon, Optimizers, orthogonalise
from sirensong.training.parameters import Parameters
from sirensong.training.perturb import perturb
from sirensong.training.problem import Problem, Tile, cover_problem, target_of
from sirensong.training.step import TrainingPass

ARCHITECTURE = ss.Architecture(hidden_features=6, hidden_layers=3, omega=10.0)
CPU = torch.device("cpu")
ONE = torch.tensor(1.0)


def picture(seed, height=8, width=8):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def parameters(tiles=1):
    rngs = [np.random.default_rng(tile) for tile in range(tiles)]
    return Parameters.from_weights(initial_weights(ARCHITECTURE, rngs), CPU)


def assert_same(one, other):
    for mine, theirs in zip(one.tensors(), other.tensors(), strict=True):
        assert torch.equal(mine, theirs)


# Problems.


def test_parameters_are_batched_layer_by_layer():
    weights = initial_weights(ARCHITECTURE, [np.random.default_rng(tile) for tile in range(2)])
    batched = Parameters.from_weights(weights, CPU)
    shapes = [tuple(tensor.shape) for tensor in batched.tensors()]
    assert shapes == [(2, 6, 2), (2, 2, 6, 6), (2, 3, 6), (3, 2, 6), (2, 3)]
    assert batched.tensors()[0] is batched.first
    assert batched.tensors()[4] is batched.last_bias
    np.testing.assert_array_equal(batched.hidden[1], weights[2].weight)
    np.testing.assert_array_equal(batched.biases[2], weights[2].bias)
    np.testing.assert_array_equal(batched.last_bias, weights[3].bias)


def test_copies_share_no_memory():
    mine, other = parameters(), parameters(1).clone()
    for tensor in other.tensors():
        tensor.add_(1)
    layers = mine.to_weights()
    clone = mine.clone()
    mine.copy_(other)
    assert_same(mine, other)
    assert_same(clone, parameters())
    np.testing.assert_array_equal(layers[1].weight, parameters().hidden[0])


def test_a_tiles_targets_are_its_parts_of_the_pictures_from_minus_one_to_one():
    cover, other = picture(1, 8, 16), np.full((4, 4, 3), 255, np.uint8)
    grid = Grid(1, 2)
    one, white = (target_of(1, each, grid, CPU) for each in (cover, other))
    patch = grid.patch(1, (8, 16))
    assert one.size == patch.size
    expected = cover[patch.rows, patch.columns].reshape(-1, 3) / 127.5 - 1
    np.testing.assert_allclose(one.colours, expected, atol=1e-6)
    np.testing.assert_array_equal(one.coords, patch.coords)
    assert torch.equal(white.colours, torch.ones_like(white.colours))


def test_a_cover_problem_has_one_function_for_each_of_its_tiles():
    grid = Grid(2, 2)
    problem = cover_problem(ARCHITECTURE, range(1, 4), picture(1, 16, 16), grid, CPU)
    assert (problem.tiles, problem.functions) == (3, 3)
    assert problem.loss_weights.tolist() == [1.0] * 3
    assert problem.architecture is ARCHITECTURE
    for tile, target in zip(range(1, 4), problem.targets, strict=True):
        expected = target_of(tile, picture(1, 16, 16), grid, CPU)
        assert torch.equal(target.colours, expected.colours)
    assert torch.equal(problem.trained(), torch.ones(2, 3, 6, 6))


def test_what_a_mask_freezes_is_not_trained_in_its_tile_alone():
    targets = [target_of(0, picture(1), Grid(), CPU)]
    none = np.zeros(0, np.int64)
    mask = (none, np.array([0, 7]), np.array([35]), none)
    problem = Problem(ARCHITECTURE, [Tile(targets), Tile(targets, (), mask)], [1.0])
    frozen = (problem.trained() == 0).nonzero().tolist()
    assert frozen == [[0, 1, 0, 0], [0, 1, 1, 1], [1, 1, 5, 5]]


def test_errors_are_over_the_pixels_of_all_tiles_and_of_8_bit_renders(monkeypatch):
    """A few pixels at a time; tiles differ in their errors and functions in theirs."""
    monkeypatch.setattr(problems, "_CHUNK", 7)
    grid, shared = Grid(1, 2), parameters(2)
    pictures = [picture(1, 8, 19), picture(2, 5, 12)]
    tiles = [Tile([target_of(tile, each, grid, CPU) for each in pictures]) for tile in range(2)]
    problem = Problem(ARCHITECTURE, tiles, [0.5, 0.5])
    weights = shared.to_weights()
    for function, error in enumerate(problem.errors(shared)):
        squares = []
        for index, tile in enumerate(tiles):
            layers = [(layer.weight[index], layer.bias[index]) for layer in weights]
            target = tile.targets[function]
            render = np.clip(evaluate(layers, target.coords.numpy()), -1, 1)
            levels = np.rint((render.astype(np.float64) + 1) * 127.5)
            expected = np.rint((target.colours.numpy().astype(np.float64) + 1) * 127.5)
            squares.append(np.square(levels - expected) / 127.5**2)
        assert error == pytest.approx(np.concatenate(squares).mean(), rel=2e-3)


# Passes.


@pytest.mark.parametrize("threads", [1, 2])
def test_mixed_passes_agree_with_exact_ones_however_points_are_split(threads, monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    weights = parameters(3)
    generator = torch.Generator().manual_seed(1)
    coords = torch.rand(3, 32, 2, generator=generator) * 2 - 1
    colours = torch.rand(3, 32, 3, generator=generator)
    share = torch.full((3,), 1 / 3)
    found = []
    for dtype in (torch.float32, torch.bfloat16):
        one_pass = TrainingPass(ARCHITECTURE, 3, 32, device=CPU, backward_dtype=dtype)
        assert (one_pass.functions, one_pass.split, one_pass.points) == (3, threads, 32 // threads)
        errors, gradient = one_pass.run(weights, coords, colours, share)
        found.append([errors.clone(), *(tensor.clone() for tensor in gradient.tensors())])
    for exact, mixed in zip(*found, strict=True):
        assert mixed.dtype == torch.float32
        assert (exact - mixed).norm() <= 0.02 * exact.norm()
    assert torch.equal(found[0][0], found[1][0])


# Optimizers.


def test_adam_steps_as_its_authors_write_it():
    """In NumPy: biased moments, corrected; epsilon outside the root."""
    rng, tensor = np.random.default_rng(1), torch.zeros(4)
    adam = Adam([tensor], rate=0.1, betas=(0.8, 0.9), epsilon=0.5)
    mean, square, expected = np.zeros(4), np.zeros(4), np.zeros(4)
    for step in range(1, 5):
        gradient = rng.normal(size=4)
        scale = 1 / step
        adam.step([torch.from_numpy(gradient).float()], torch.tensor(scale))
        mean = 0.8 * mean + 0.2 * gradient
        square = 0.9 * square + 0.1 * gradient**2
        corrected = mean / (1 - 0.8**step), square / (1 - 0.9**step)
        expected -= 0.1 * scale * corrected[0] / (np.sqrt(corrected[1]) + 0.5)
    np.testing.assert_allclose(tensor, expected, rtol=1e-4)
    own_mean, own_square, steps = adam.state()
    np.testing.assert_allclose(own_mean, mean, rtol=1e-4)
    np.testing.assert_allclose(own_square, square, rtol=1e-4)
    assert steps.item() == 4


def test_adams_own_settings_are_pytorchs():
    """Which are the paper's: betas of 0.9 and 0.999, epsilon of 1e-8."""
    gradients = np.array([[1.0, 1e-7, 1e-9], [-2.0, 1e-7, 1e-9]])
    tensor, expected = torch.zeros(3), np.zeros(3)
    adam = Adam([tensor], rate=0.1)
    for gradient in gradients:
        adam.step([torch.from_numpy(gradient).float()], ONE)
    means = [gradients[0], (0.09 * gradients[0] + 0.1 * gradients[1]) / (1 - 0.9**2)]
    squares = [gradients[0] ** 2, (0.999 * gradients[0] ** 2 + gradients[1] ** 2) / 1.999]
    for mean, square in zip(means, squares, strict=True):
        expected -= 0.1 * mean / (np.sqrt(square) + 1e-8)
    np.testing.assert_allclose(tensor, expected, rtol=1e-3)


def test_muon_alone_does_not_tilt():
    gradient = torch.randn(1, 6, 6, generator=torch.Generator().manual_seed(1)).expand(3, 6, 6)
    matrices = torch.zeros(3, 6, 6)
    muon = Muon(matrices, torch.ones(3, 6, 6), rate=0.1, momentum=0.5)
    muon.step([gradient], ONE)
    assert torch.equal(matrices[0], matrices[2])
    (velocity,) = muon.state()
    torch.testing.assert_close(velocity, gradient * 0.5)


@pytest.mark.parametrize("optimizer", ["muon", "adam"])
def test_each_parameter_has_the_optimizer_and_the_rate_of_the_recipe(optimizer):
    recipe = dataclasses.replace(
        ss.FAST,
        optimizer=optimizer,
        rate=0.3,
        adam_rate=0.02,
        last_rate=0.001,
        tilt=0.2,
        decay=0.01,
    )
    problem = cover_problem(ARCHITECTURE, range(1), picture(1), Grid(), CPU)
    shared, generator = parameters(), torch.Generator().manual_seed(1)
    before = shared.clone()
    optimizers = Optimizers(recipe, problem, shared)
    gradients = [
        Parameters(*(torch.randn(t.shape, generator=generator) for t in shared.tensors()))
        for _ in range(3)
    ]
    expected = [tensor.clone() for tensor in before.tensors()]
    hidden = Adam([expected[1]], rate=0.3)
    if optimizer == "muon":
        ones = torch.ones_like(expected[1])
        hidden = Muon(expected[1], ones, rate=0.3, momentum=0.95, tilt=0.2, decay=0.01)
    rates = {0: 0.02, 2: 0.001, 3: 0.02, 4: 0.02}
    rest = {
        index: Adam([expected[index]], rate=rate, betas=(0.9, 0.97))
        for index, rate in rates.items()
    }
    for gradient in gradients:
        optimizers.step(gradient, torch.tensor(0.5))
        hidden.step([gradient.hidden], torch.tensor(0.5))
        for index, adam in rest.items():
            adam.step([gradient.tensors()[index]], torch.tensor(0.5))
    for mine, other in zip(shared.tensors(), expected, strict=True):
        assert torch.equal(mine, other)
    states = optimizers.state()
    assert len(states) == {"muon": 1, "adam": 3}[optimizer] + 7 + 3
    assert len({id(state) for state in states}) == len(states)
    assert [id(state) for state in optimizers.state()] == [id(state) for state in states]


def test_trained_weights_decay_at_the_scale_of_the_step_and_others_stay():
    matrices, trained = torch.full((1, 2, 2), 8.0), torch.tensor([[[1.0, 0.0], [1.0, 1.0]]])
    muon = Muon(matrices, trained, rate=0.0, momentum=0.9, decay=0.25)
    muon.step([torch.ones(1, 2, 2)], torch.tensor(0.5))
    assert matrices.tolist() == [[[7.0, 8.0], [7.0, 7.0]]]


def test_orthogonalising_takes_as_many_iterations_as_it_is_told():
    matrix = torch.diag(torch.tensor([3.0, 4.0]))[None]
    once = orthogonalise(matrix, 1)[0].diagonal()
    scaled = np.array([0.6, 0.8])
    expected = 3.4445 * scaled - 4.7750 * scaled**3 + 2.0315 * scaled**5
    np.testing.assert_allclose(once, expected, rtol=1e-5)
    np.testing.assert_allclose(orthogonalise(matrix, 0)[0].diagonal(), scaled, rtol=1e-6)
    assert torch.equal(orthogonalise(matrix), orthogonalise(matrix, 5))


def test_stacks_of_any_depth_are_orthogonalised_matrix_by_matrix():
    matrices = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(1))
    whole = orthogonalise(matrices)
    assert whole.shape == (2, 3, 4, 4)
    for row in range(2):
        for column in range(3):
            alone = orthogonalise(matrices[row, column][None])
            torch.testing.assert_close(whole[row, column], alone[0], rtol=1e-4, atol=1e-5)


# Perturbations.


def test_exactly_the_drawn_share_is_pruned():
    shared = parameters()
    generator = torch.Generator().manual_seed(3)
    share = 0.9 * float(torch.rand((), generator=torch.Generator().manual_seed(3)))
    seen = perturb(shared, ss.Phase(1, pruning=0.9), generator)
    for name in ("first", "hidden", "last"):
        before, after = getattr(shared, name), getattr(seen, name)
        for matrix, own in zip(before.flatten(0, -3), after.flatten(0, -3), strict=True):
            gone = round(share * matrix.numel())
            order = matrix.abs().flatten().argsort()
            assert (own.flatten()[order[:gone]] == 0).all()
            assert torch.equal(own.flatten()[order[gone:]], matrix.flatten()[order[gone:]])


def test_noise_is_drawn_for_each_matrix_and_pruned_weights_have_none():
    shared = parameters(2)
    seen = perturb(shared, ss.Phase(1, noise=0.1), torch.Generator().manual_seed(1))
    again = torch.Generator().manual_seed(1)
    torch.rand((), generator=again)
    for name in ("first", "hidden", "last"):
        before = getattr(shared, name)
        drawn = torch.randn(before.shape, generator=again)
        expected = before + 0.1 * drawn * before.std((-2, -1), keepdim=True)
        torch.testing.assert_close(getattr(seen, name), expected)
    assert seen.biases is shared.biases
    assert seen.last_bias is shared.last_bias
    both = perturb(shared, ss.Phase(1, noise=0.1, pruning=0.9), torch.Generator().manual_seed(1))
    gone = both.hidden == 0
    assert gone.any()
    assert torch.equal(both.hidden[~gone], seen.hidden[~gone])


def test_a_share_that_rounds_to_no_weight_prunes_none():
    shared = parameters()
    seen = perturb(shared, ss.Phase(1, pruning=1e-9), torch.Generator().manual_seed(1))
    assert_same(seen, shared)
