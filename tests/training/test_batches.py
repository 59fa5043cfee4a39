"""Every batch looks everywhere, and every pixel's turn comes."""

import numpy as np
import pytest
import torch

from sirensong.network.tiles import Grid
from sirensong.training.batches import Batches, Sampler, _patches
from sirensong.training.problem import target_of

CPU = torch.device("cpu")


def numbered(height, width):
    """A picture whose red and green name the pixel."""
    row, column = np.mgrid[:height, :width]
    picture = np.stack([row, column, 0 * row], -1).astype(np.uint8)
    return target_of(0, picture, Grid(), CPU)


def sampler(seed):
    return Sampler(torch.Generator().manual_seed(seed))


def drawn(batches):
    batches.draw()
    return batches.take()


def drawn_pixels(colours):
    red, green = (((colours[:, channel] + 1) / 2 * 255).round().int() for channel in (0, 1))
    return list(zip(red.tolist(), green.tolist(), strict=True))


@pytest.mark.parametrize(("size", "points"), [((8, 8), 16), ((16, 4), 8), ((8, 8), 64)])
def test_one_round_has_every_pixel_once(size, points):
    batches = Batches([numbered(*size)], points, sampler(1))
    rounds = size[0] * size[1] // points
    for _ in range(2):
        seen = [pixel for _ in range(rounds) for pixel in drawn_pixels(drawn(batches)[1][0])]
        assert sorted(seen) == [
            (row, column) for row in range(size[0]) for column in range(size[1])
        ]


@pytest.mark.parametrize(
    ("size", "points"), [((7, 9), 16), ((5, 3), 64), ((1, 1), 4), ((13, 2), 26)]
)
def test_where_pixels_do_not_divide_evenly_none_is_missed_for_long(size, points):
    pixels = size[0] * size[1]
    length = -(-pixels // points)
    places = _patches(size, points).flatten().tolist()
    counts = np.bincount(places, minlength=pixels)
    assert len(places) == points * length
    assert counts.min() >= 1
    assert counts.max() - counts.min() <= 1


def test_a_batch_has_one_pixel_of_each_corner():
    batches = Batches([numbered(16, 16)], 4, sampler(2))
    for _ in range(20):
        quarters = {(row // 8, column // 8) for row, column in drawn_pixels(drawn(batches)[1][0])}
        assert len(quarters) == 4


def test_coordinates_and_colours_belong_together_also_for_pictures_of_different_sizes():
    targets = [numbered(8, 8), numbered(8, 8), numbered(4, 12)]
    coords, colours = drawn(Batches(targets, 16, sampler(3)))
    assert coords.shape == (3, 16, 2)
    assert torch.equal(coords[0], coords[1])
    for target, points, colour in zip(targets, coords, colours, strict=True):
        for (row, column), (x, y) in zip(drawn_pixels(colour), points.tolist(), strict=True):
            assert x == pytest.approx((2 * column + 1) / target.size[1] - 1, abs=1e-6)
            assert y == pytest.approx((2 * row + 1) / target.size[0] - 1, abs=1e-6)


def test_the_order_comes_from_the_generator():
    def first(seed):
        return drawn(Batches([numbered(8, 8)], 16, sampler(seed)))[0]

    assert torch.equal(first(1), first(1))
    assert not torch.equal(first(1), first(2))


@pytest.mark.parametrize("drawn_before", [1, 3, 4, 6])
def test_a_sampler_goes_on_where_it_stands(drawn_before):
    """As after a resumption, when the batches are made anew."""
    targets, standing = [numbered(8, 8), numbered(4, 16)], sampler(4)
    undisturbed = Batches(targets, 16, sampler(4))
    interrupted = Batches(targets, 16, standing)
    for _ in range(drawn_before):
        drawn(undisturbed)
        drawn(interrupted)
    resumed = Batches(targets, 16, standing)
    for _ in range(9):
        for one, other in zip(drawn(undisturbed), drawn(resumed), strict=True):
            assert torch.equal(one, other)


def test_batches_of_another_size_begin_another_round():
    targets, standing = [numbered(8, 8)], sampler(4)
    drawn(Batches(targets, 16, standing))
    larger = Batches(targets, 32, standing)
    seen = [pixel for _ in range(2) for pixel in drawn_pixels(drawn(larger)[1][0])]
    assert len(set(seen)) == 64
