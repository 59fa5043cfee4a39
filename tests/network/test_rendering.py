"""Rendering in bands: none shows, and memory stays small whatever the grid and the size."""

import io
import tracemalloc
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from sirensong.errors import SettingError
from sirensong.network import rendering
from sirensong.network.rendering import preview, render, render_uint8
from sirensong.network.siren import Layer
from sirensong.network.tiles import Grid


class Waves:
    """A function of one feature: its tiles go by their number; it notes which are asked for."""

    def __init__(self, *grid):
        self.grid = Grid(*grid)
        self.asked = []
        self.at_once = 0

    def tiles(self, indices):
        self.asked += indices
        self.at_once = max(self.at_once, len(indices))
        numbers = np.asarray(indices, np.float32)[:, None, None]

        def layer(out, into):
            weight = np.sin(numbers + np.arange(out * into).reshape(out, into))
            return Layer(weight.astype(np.float32), np.zeros((len(indices), out), np.float32))

        return layer(1, 2), layer(1, 1), layer(3, 1)


@pytest.mark.parametrize("tallest", [1, 90, 1000])
@pytest.mark.parametrize("band", [1, 300, 10**6])
@pytest.mark.parametrize("grid", [(1, 1), (3, 2), (40, 1)])
def test_where_a_picture_is_cut_does_not_show(grid, band, tallest, monkeypatch):
    whole = render(Waves(*grid), (50, 30))
    monkeypatch.setattr(rendering, "_BAND", band)
    monkeypatch.setattr(rendering, "_TALLEST", tallest)
    np.testing.assert_allclose(render(Waves(*grid), (50, 30)), whole, atol=1e-6)


def test_a_row_of_tiles_is_cut_where_it_has_too_many_pixels(monkeypatch):
    monkeypatch.setattr(rendering, "_TALLEST", 1000)
    bands = [rows for rows, _ in rendering._bands(Waves(1, 2), (95, 100))]
    assert bands == [slice(top, min(top + 10, 95)) for top in range(0, 95, 10)]


def test_each_tile_is_asked_for_once():
    """A receiver derives its key weights each time."""
    function = Waves(6, 5)
    render(function, (600, 500))
    assert Counter(function.asked) == Counter(range(30))


def test_tiles_without_pixels_are_not_asked_for():
    function = Waves(1024, 1024)
    render(function, (1, 2))
    assert sorted(function.asked) == sorted(
        row * 1024 + column for row in (511, 512) for column in (255, 256, 767, 768)
    )


def test_tiles_of_few_pixels_are_taken_a_few_at_a_time():
    """However small a render is, the weights that are copied for it are those of a few tiles."""
    function = Waves(40, 40)
    render(function, (40, 40))
    assert function.at_once <= 64
    assert sorted(function.asked) == list(range(1600))


@pytest.mark.parametrize(
    ("grid", "size"), [((1, 1), (6000, 4000)), ((1, 1), (400, 60_000)), ((2, 1), (4000, 6000))]
)
def test_memory_stays_small(grid, size):
    """Beside the picture itself, whatever its size: a small file can ask for a large render."""
    tracemalloc.start()
    try:
        picture = render_uint8(Waves(*grid), size)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert picture.shape == (*size, 3)
    assert peak - picture.nbytes < 300e6


@pytest.mark.parametrize("size", [5, None, (5,), (5, 5, 3), (5.0, 5), ("5", 5), "55", {}])
def test_what_is_no_size_is_refused(size):
    for call in (render, render_uint8):
        with pytest.raises(SettingError, match=f"got {type(size).__name__}$"):
            call(Waves(1), size)


def test_whole_numbers_of_any_kind_are_a_size():
    assert render(Waves(1), np.array([3, 4], np.uint8)).shape == (3, 4, 3)
    assert render_uint8(Waves(1), [3, np.int64(4)]).shape == (3, 4, 3)


@pytest.mark.parametrize(
    ("size", "shown"), [((40, 30), (40, 30)), ((1024, 2048), (256, 512)), ((9000, 3), (512, 1))]
)
def test_a_preview_is_a_small_png(size, shown):
    image = Image.open(io.BytesIO(preview(Waves(1, 2), size)))
    assert image.format == "PNG"
    assert (image.height, image.width) == shown
    np.testing.assert_array_equal(np.asarray(image), render_uint8(Waves(1, 2), shown))
