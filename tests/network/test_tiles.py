"""Grids of tiles: where each looks, and that together they cover every picture once."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sirensong.errors import SettingError
from sirensong.network.tiles import OVERLAP, Grid, grid_for, grid_within

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
        ((20, 100), 32, Grid(1, 3)),
        ((3024, 4032), 32, Grid(94, 126)),
    ],
)
def test_tiles_are_as_near_to_the_side_as_they_can_be(size, side, expected):
    assert grid_for(*size, side) == expected


@given(
    height=st.integers(1, 3000),
    width=st.integers(1, 3000),
    side=st.floats(4, 64),
)
def test_tiles_within_a_side_are_the_fewest(height, width, side):
    grid = grid_within(height, width, side)
    for pixels, tiles in ((height, grid.rows), (width, grid.columns)):
        assert pixels / tiles <= side
        assert tiles == 1 or pixels / (tiles - 1) > side


@pytest.mark.parametrize(
    ("grid", "size"),
    [((1, 1), (512, 512)), ((1, 1), (4, 65_535)), ((2, 3), (2, 3)), ((2, 3), (1024, 1536))],
)
def test_pictures_that_suit_a_grid(grid, size):
    Grid(*grid).check(size)


@pytest.mark.parametrize(
    ("grid", "size", "wrong"),
    [
        ((1, 1), (512, 513), "513x512 pixels is too large for 1x1 tiles of at most 512x512"),
        ((2, 3), (1024, 1537), "too large for 3x2 tiles"),
        ((1, 1), (65_536, 1), "sides must be 1 to 65535 pixels, got 1x65536"),
        ((1, 1), (1, 0), "sides must be 1 to 65535 pixels, got 0x1"),
        ((2, 3), (1, 3), "3x1 pixels is too small for 3x2 tiles"),
        ((2, 3), (2, 2), "2x2 pixels is too small for 3x2 tiles"),
    ],
)
def test_pictures_too_small_or_too_large_for_a_grid_are_refused(grid, size, wrong):
    with pytest.raises(SettingError, match=wrong):
        Grid(*grid).check(size)


@pytest.mark.parametrize("rows", [(0, 40), (5, 12), (0, 9), (30, 40), (12, 12), (0, 0)])
def test_the_part_of_a_patch_between_rows_of_the_picture(rows):
    patch = Grid(2, 1).patch(1, (24, 5))  # rows 12 to 23
    part = patch.between(slice(*rows))
    kept = [row for row in range(patch.rows.start, patch.rows.stop) if rows[0] <= row < rows[1]]
    assert list(range(part.rows.start, part.rows.stop)) == kept
    first = patch.rows.start
    np.testing.assert_array_equal(part.y, [patch.y[row - first] for row in kept])
    np.testing.assert_array_equal(part.down, [patch.down[row - first] for row in kept])
