"""Share of the processor's rate of matrix products that training and rendering reach.

With all their other work included.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator

import numpy as np
import torch

import sirensong as ss
from sirensong.carrier.slots import SLOT_BYTES, SLOTS
from sirensong.network.siren import Layer, initial_weights
from sirensong.training.device import use_threads
from sirensong.training.fused import pass_for
from sirensong.training.loading import loading
from sirensong.training.optimizer import Optimizers
from sirensong.training.parameters import Parameters
from sirensong.training.problem import Problem, Tile, target_of
from sirensong.training.recipe import FAST

CPU = torch.device("cpu")
_NEWTON_SCHULZ = 5 * 3 * 2  # products of a step, each 2 n^3 operations
_NETWORKS = (  # name, architecture, tiles and points of each in a step, grid of 12 megapixels
    ("16 tiles of 5 x 48", ss.Architecture(48, 5, 20.0), 16, 256, ss.Grid(96, 128)),
    ("one function of 8 x 128", ss.Architecture(128, 8, 60.0), 1, 2048, ss.Grid(24, 32)),
)


def roofline(*, quick: bool) -> list[dict[str, object]]:
    """Measure a step of the default's 16 tiles, of one 8 x 128 network, and a render of both.

    Products are counted as they are done, those of pixels that two tiles share twice.

    Args:
        quick: leave out what a key holder does with 12 megapixels in such tiles: derive key
            weights for each, and render.

    Returns:
        A row for each, with its rate and that of products alone in GFLOP/s, and its share.
    """
    with loading("the roofline"):  # which also tells how memory is kept, as for a hide
        measured = list(_measure(quick=quick))
    rows = []
    for name, roof, operations, seconds in measured:
        rate = operations / seconds / 1e9
        rows.append({"name": name, "gflops": rate, "roof": roof, "share": rate / roof})
    return rows


def _measure(*, quick: bool) -> Iterator[tuple[str, float, float, float]]:
    """Name, GFLOP/s of products alone, operations and seconds of each measurement."""
    for name, architecture, tiles, points, large in _NETWORKS:
        features, side = architecture.hidden_features, round(tiles**0.5)
        roof = _torch_products(3 * tiles, points, features)
        yield f"training step, {name}", roof, *_step(architecture, tiles, points)
        small = _function(architecture, ss.Grid(side, side))
        roof = _numpy_products(features)
        yield f"render, {name}", roof, *_render(small, (512, 512), 5)
        if not quick:
            key = ss.SecretKey.generate()
            secret = ss.unlock(_function(architecture, large), key, force=True)
            size = f"{large.tiles} tiles of {architecture.hidden_layers} x {features}"
            name = f"reveal, 12 megapixels in {size}"
            yield name, _numpy_products(features), *_render(secret, (3072, 4096), 2)


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
    seconds = _best(lambda: torch.bmm(left, right, out=out))
    return 2 * groups * points * features**2 / seconds / 1e9


def _numpy_products(features: int) -> float:
    """GFLOP/s of NumPy's products on all cores, at their best: of many points."""
    left, right = np.ones((16384, features), np.float32), np.ones((features, features), np.float32)
    out = left @ right
    return 2 * len(left) * features**2 / _best(lambda: np.matmul(left, right, out=out)) / 1e9


def _step(architecture: ss.Architecture, tiles: int, points: int) -> tuple[float, float]:
    """Operations in the products of a joint step of three pictures, and its seconds."""
    functions, features = 3 * tiles, architecture.hidden_features
    targets = [target_of(0, np.zeros((32, 32, 3), np.uint8), ss.Grid(), CPU)] * 3
    problem = Problem(architecture, [Tile(targets)] * tiles, [1 / 3] * 3)
    weights = initial_weights(architecture, [np.random.default_rng(0)] * tiles)
    shared = Parameters.from_weights(weights, CPU)
    one_pass = pass_for(problem, points, "fp32", CPU)
    optimizers = Optimizers(FAST, problem, shared)
    coords, colours = torch.rand(functions, points, 2) * 2 - 1, torch.rand(functions, points, 3)

    def step() -> None:
        with use_threads(one_pass.torch_threads):
            _, gradient = one_pass.run(shared, coords, colours)
            optimizers.step(gradient, torch.tensor(0.0))

    products = functions * points * 6 * architecture.matrix_entries
    products += tiles * (architecture.hidden_layers - 1) * _NEWTON_SCHULZ * features**3
    return products, _best(step)


def _function(architecture: ss.Architecture, grid: ss.Grid) -> ss.StegoFunction:
    """A function with the same weights in each tile."""
    weights = tuple(
        Layer(*(np.broadcast_to(array, (grid.tiles, *array.shape[1:])) for array in layer))
        for layer in initial_weights(architecture, [np.random.default_rng(0)])
    )
    steps = (2.0**-10,) * (2 * len(weights))
    slots = bytes(SLOTS * SLOT_BYTES)
    return ss.StegoFunction(architecture, grid, weights, steps, 512, 512, bytes(32), slots)


def _render(
    function: ss.StegoFunction | ss.SecretFunction, size: tuple[int, int], repetitions: int
) -> tuple[float, float]:
    """Operations in the products of a render, and its seconds."""
    entries = sum(layer.weight.size for layer in function.tiles([0]))
    grid = function.grid
    points = sum(math.prod(grid.patch(tile, size).size) for tile in range(grid.tiles))
    return points * 2 * entries, _best(lambda: ss.render(function, size), repetitions)
