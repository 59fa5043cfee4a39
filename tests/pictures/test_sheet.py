"""Contact sheets: every picture in its place, pixel for pixel, and room for what is missing."""

import numpy as np
import pytest

from sirensong.pictures.sheet import Row, contact_sheet, difference


def test_pictures_lie_in_rows_and_columns():
    rng = np.random.default_rng(1)
    pictures = rng.integers(0, 256, (3, 8, 8, 3)).astype(np.float32) / 255
    sheet = contact_sheet(("one", "two"), [Row("", pictures[:2]), Row("", (None, pictures[2]))], 8)
    assert sheet.shape == (30 + 2 * (8 + 30 + 12), 2 * (8 + 12) + 12, 3)
    ground = sheet[0, 0]
    for top, left, picture in (
        (60, 12, pictures[0]),
        (60, 32, pictures[1]),
        (110, 32, pictures[2]),
    ):
        np.testing.assert_allclose(sheet[top : top + 8, left : left + 8], picture, atol=1e-6)
    assert (sheet[110:118, 12:20] == ground).all()
    assert (sheet[:30] != ground).any()  # the columns' names


@pytest.mark.parametrize(("height", "width"), [(2, 4), (16, 32)])
def test_pictures_of_any_size_fill_a_cell_and_keep_their_shape(height, width):
    sheet = contact_sheet(("",), [Row("", (np.ones((height, width, 3), np.float32),))], 8)
    cell = sheet[60:68, 12:20]
    assert (cell == 1).all(2).sum() == 4 * 8
    assert (cell[2:6] == 1).all()


def test_differences_are_magnified_and_clipped():
    one = np.array([[[0.5, 0.5, 0.5]]], np.float32)
    other = np.array([[[0.51, 0.48, 0.9]]], np.float32)
    np.testing.assert_allclose(difference(one, other, 20), [[[0.2, 0.4, 1.0]]], atol=1e-5)
