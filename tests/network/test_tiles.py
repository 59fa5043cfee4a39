"""Grids of tiles: where each looks, and that together they cover every picture once."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sirensong.errors import SettingError
from sirensong.network.tiles import OVERLAP, Grid, grid_for

SIDES = st.integers(1, 60)
TILES = st.integers(1, 5)


def patches(grid, size):
    return [grid.patch(tile, size) for tile in range(grid.tiles)]


def coordinates(height, width):
    return Grid().patch(0, (height, width)).coords


class TestOneTile:
    @pytest.mark.parametrize(
        ("height", "width", "expected"),
        [
            (1, 1, [[0, 0]]),
            (1, 2, [[-0.5, 0], [0.5, 0]]),
            (2, 1, [[0, -0.5], [0, 0.5]]),
            (1, 4, [[-0.75, 0], [-0.25, 0], [0.25, 0], [0.75, 0]]),
            (2, 2, [[-0.5, -0.5], [0.5, -0.5], [-0.5, 0.5], [0.5, 0.5]]),
        ],
    )
    def test_coordinates_are_pixel_centres_row_by_row_x_before_y(self, height, width, expected):
        points = coordinates(height, width)
        assert points.dtype == np.float32
        assert points.tolist() == expected

    @given(height=SIDES, width=SIDES)
    def test_four_pixels_of_twice_the_size_average_to_one(self, height, width):
        coarse = coordinates(height, width)
        fine = coordinates(2 * height, 2 * width).reshape(height, 2, width, 2, 2)
        np.testing.assert_allclose(fine.mean(axis=(1, 3)).reshape(-1, 2), coarse, atol=1e-6)

    @given(height=SIDES, width=SIDES)
    def test_coordinates_are_symmetric_and_inside(self, height, width):
        points = coordinates(height, width)
        assert points.shape == (height * width, 2)
        assert np.abs(points).max() < 1
        np.testing.assert_allclose(points[::-1], -points, atol=1e-6)

    def test_it_has_the_whole_picture(self):
        patch = Grid().patch(0, (3, 5))
        assert (patch.rows, patch.columns, patch.size) == (slice(0, 3), slice(0, 5), (3, 5))
        assert (patch.blend == 1).all()


class TestManyTiles:
    @given(rows=TILES, columns=TILES, height=SIDES, width=SIDES)
    def test_their_shares_of_every_pixel_add_up_to_one(self, rows, columns, height, width):
        total = np.zeros((height, width))
        for patch in patches(Grid(rows, columns), (height, width)):
            total[patch.rows, patch.columns] += patch.blend
        np.testing.assert_allclose(total, 1, atol=1e-5)

    @given(rows=TILES, columns=TILES, height=SIDES, width=SIDES)
    def test_each_looks_at_its_part_and_a_little_beyond(self, rows, columns, height, width):
        whole = coordinates(height, width).reshape(height, width, 2)
        for tile, patch in enumerate(patches(Grid(rows, columns), (height, width))):
            row, column = divmod(tile, columns)
            own = patch.coords.reshape(*patch.size, 2)
            expected = (whole[patch.rows, patch.columns] + 1) * (columns, rows) - (
                2 * column + 1,
                2 * row + 1,
            )
            np.testing.assert_allclose(own, expected, atol=1e-5)
            assert (np.abs(own) <= 1 + 2 * OVERLAP).all()

    def test_shares_fade_across_a_border_at_a_half(self):
        left, right = patches(Grid(1, 2), (1, 800))
        overlap = 2 * 400 * OVERLAP
        assert left.columns == slice(0, 400 + round(overlap / 2))
        assert right.columns == slice(400 - round(overlap / 2), 800)
        shares = left.blend[0, right.columns.start :]
        np.testing.assert_allclose(shares, 1 - (np.arange(overlap) + 0.5) / overlap, atol=1e-6)
        np.testing.assert_allclose(right.blend[0, : len(shares)], 1 - shares, atol=1e-6)

    def test_a_picture_smaller_than_the_grid_leaves_tiles_without_pixels(self):
        sizes = [patch.coords.shape for patch in patches(Grid(1, 8), (1, 4))]
        assert sizes == [(0, 2), (1, 2)] * 4 or sum(size[0] for size in sizes) >= 4


@pytest.mark.parametrize("grid", [(0, 1), (1, 0), (1025, 1), (1, 1025)])
def test_grids_out_of_range_are_refused(grid):
    with pytest.raises(SettingError, match="1 to 1024 tiles a side"):
        Grid(*grid)


@pytest.mark.parametrize(
    ("size", "side", "expected"),
    [
        ((128, 128), 32, Grid(4, 4)),
        ((128, 128), 128, Grid(1, 1)),
        ((128, 128), 1000, Grid(1, 1)),
        ((128, 128), None, Grid(1, 1)),
        ((20, 100), 32, Grid(1, 3)),
        ((3024, 4032), 32, Grid(94, 126)),
    ],
)
def test_tiles_are_as_near_to_the_side_as_they_can_be(size, side, expected):
    assert grid_for(*size, side) == expected
