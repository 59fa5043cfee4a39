"""The curve along which a picture is cut into patches: neighbours on it are neighbours in it."""

import numpy as np
import pytest
import torch

from sirensong.network.tiles import Grid
from sirensong.training.batches import Batches, Sampler, _morton, _patches
from sirensong.training.problem import target_of

CPU = torch.device("cpu")


def numbered(height, width, add=0):
    """A picture whose red numbers its pixels."""
    picture = np.zeros((height, width, 3), np.uint8)
    picture[:, :, 0] = np.arange(height * width).reshape(height, width) + add
    return target_of(0, picture, Grid(), CPU)


def test_the_curve_takes_the_bits_of_column_and_row_in_turn():
    rng = np.random.default_rng(1)
    rows, columns = rng.integers(0, 2**16, (2, 200))
    for row, column, code in zip(rows, columns, _morton(rows, columns), strict=True):
        pairs = zip(f"{row:016b}", f"{column:016b}", strict=True)
        assert code == int("".join(map("".join, pairs)), 2)


def test_a_square_is_cut_into_squares():
    assert _patches((4, 4), 4).tolist() == [
        [0, 1, 4, 5],
        [2, 3, 6, 7],
        [8, 9, 12, 13],
        [10, 11, 14, 15],
    ]


@pytest.mark.parametrize(
    ("size", "points", "patches"),
    [
        ((1, 5), 2, [[0, 0, 1], [2, 3, 4]]),
        ((1, 4), 4, [[0], [1], [2], [3]]),
        ((1, 2), 4, [[0], [0], [1], [1]]),
        ((2, 2), 1, [[0, 1, 2, 3]]),
    ],
)
def test_patches_are_as_long_as_they_must_be(size, points, patches):
    assert _patches(size, points).tolist() == patches


def test_pictures_of_one_size_are_looked_at_in_the_same_places():
    """And each function has its own colours there."""
    targets = [numbered(4, 4), numbered(2, 4, 100), numbered(4, 4, 50)]
    sampler = Sampler(torch.Generator().manual_seed(1))
    batches = Batches(targets, 8, sampler)
    assert [order.shape for order in sampler.order] == [(1, 8), (2, 8)]
    for drawn in range(1, 5):
        batches.draw()
        assert sampler.drawn == drawn
        coords, colours = batches.take()
        assert (coords.shape, colours.shape) == ((3, 8, 2), (3, 8, 3))
        red = ((colours[:, :, 0] + 1) * 127.5).round().int()
        assert torch.equal(red[0] + 50, red[2])
        assert sorted(red[1].tolist()) == list(range(100, 108))
        assert sampler.order[1][(drawn - 1) % 2].tolist() == red[0].tolist()


def test_every_round_has_another_order():
    sampler = Sampler(torch.Generator().manual_seed(1))
    batches, orders = Batches([numbered(4, 4)], 4, sampler), []
    for _ in range(4):
        for _ in range(4):
            batches.draw()
        orders.append(sampler.order[0].clone())
    assert len({order.numpy().tobytes() for order in orders}) == 4
