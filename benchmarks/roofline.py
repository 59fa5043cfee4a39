"""Share of the processor's rate of matrix products that training and rendering reach, all their other work included."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import numpy as np
import torch
from sirensong.training.parameters import Parameters

import sirensong as ss
from sirensong.network.siren import Layer, initial_weights, stack
from sirensong.training.loading import loading
from sirensong.training.optimizer import Descent
from sirensong.training.problem import Problem, Target, Tile
from sirensong.training.recipe import FAST
from sirensong.training.step import TrainingPass

CPU = torch.device("cpu")
_NEWTON_SCHULZ = 5 * 3 * 2  # products of a step, each 2 n^3 operations


def roofline(*, quick: bool) -> list[dict[str, object]]:
    """A row each: a step of the default's 16 tiles, of one 8 x 128 network, and a render of both.

    Unless quick, also what a key holder does with 12 megapixels in such tiles: derive key weights for each, and render. Products
    are counted as they are done, those of pixels that two tiles share twice.
    """
    with loading("the roofline"):  # which also tells how memory is kept, as for a hide
        return _rows(quick=quick)


def _rows(*, quick: bool) -> list[dict[str, object]]:
    rows = []
    for name, architecture, tiles, points, large in (
        ("16 tiles of 5 x 48", ss.Architecture(48, 5, 20.0), 16, 256, ss.Grid(96, 128)),
        ("one function of 8 x 128", ss.Architecture(128, 8, 60.0), 1, 2048, ss.Grid(24, 32)),
    ):
        features, side = architecture.hidden_features, round(tiles**0.5)
        works = [
            (
                f"training step, {name}",
                _torch_products(3 * tiles, points, features),
                _step(architecture, tiles, points),
            ),
            (
                f"render, {name}",
                _numpy_products(features),
                _render(_function(architecture, ss.Grid(side, side)), (512, 512), 5),
            ),
        ]
        if not quick:
            secret = ss.unlock(_function(architecture, large), ss.SecretKey.generate(), force=True)
            size = (
                f"12 megapixels in {large.tiles} tiles of {architecture.hidden_layers} x {features}"
            )
            works.append(
                (f"reveal, {size}", _numpy_products(features), _render(secret, (3072, 4096), 2))
            )
        for name_of_work, roof, (operations, seconds) in works:
            rate = operations / seconds / 1e9
            rows.append({"name": name_of_work, "gflops": rate, "roof": roof, "share": rate / roof})
    return rows


def _best(call: Callable[[], object], repetitions: int = 40) -> float:
    times = []
    for _ in range(repetitions):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)


def _torch_products(functions: int, points: int, features: int) -> float:
    """GFLOP/s of products alone, in the sizes of a step, an even number of them."""
    groups = functions + functions % 2
    left, right = torch.ones(groups, points, features), torch.ones(groups, features, features)
    out = torch.bmm(left, right)
    return 2 * groups * points * features**2 / _best(lambda: torch.bmm(left, right, out=out)) / 1e9


def _numpy_products(features: int) -> float:
    """GFLOP/s of NumPy's products on all cores, at their best: of many points."""
    left, right = np.ones((16384, features), np.float32), np.ones((features, features), np.float32)
    out = left @ right
    return 2 * len(left) * features**2 / _best(lambda: np.matmul(left, right, out=out)) / 1e9


def _step(architecture: ss.Architecture, tiles: int, points: int) -> tuple[float, float]:
    """Operations in the products of a joint step of three pictures, and its seconds."""
    picture = np.zeros((32, 32, 3), np.uint8)
    target = Target(picture, ss.Grid().patch(0, (32, 32)), CPU)
    problem = Problem(architecture, [Tile([target] * 3)] * tiles, [1 / 3] * 3)
    rng = np.random.default_rng(0)
    shared = Parameters.from_weights(
        stack([initial_weights(architecture, rng) for _ in range(tiles)]), CPU
    )
    one_pass = TrainingPass(architecture, 3 * tiles, points, device=CPU)
    descent = Descent(FAST, problem, shared)
    coords, colours = torch.rand(3 * tiles, points, 2) * 2 - 1, torch.rand(3 * tiles, points, 3)

    def step() -> None:
        _, gradient = one_pass.run(problem.weights(shared), coords, colours, problem.loss_weights)
        descent.step(problem.shared_gradient(gradient), torch.tensor(0.0))

    products = 3 * tiles * points * 6 * architecture.matrix_entries
    products += (
        tiles * (architecture.hidden_layers - 1) * _NEWTON_SCHULZ * architecture.hidden_features**3
    )
    return products, _best(step)


def _function(architecture: ss.Architecture, grid: ss.Grid) -> ss.StegoFunction:
    """Of the same weights in each tile."""
    layers = initial_weights(architecture, np.random.default_rng(0))
    weights = tuple(
        Layer(*(np.broadcast_to(array, (grid.tiles, *array.shape)) for array in layer))
        for layer in layers
    )
    return ss.StegoFunction(architecture, grid, weights, 512, 512, bytes(32), bytes(2048))


def _render(
    function: ss.StegoFunction | ss.SecretFunction, size: tuple[int, int], repetitions: int
) -> tuple[float, float]:
    """Operations in the products of a render, and its seconds."""
    entries = sum(layer.weight.size for layer in function.tiles([0]))
    points = sum(
        math.prod(function.grid.patch(tile, size).size) for tile in range(function.grid.tiles)
    )  # with what tiles share
    return points * 2 * entries, _best(lambda: ss.render(function, size), repetitions)
