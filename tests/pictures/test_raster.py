"""Sealed pictures: what is written is read, nothing of it is in the file, and they do what arrays do."""

import gc
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sirensong.carrier import mapped
from sirensong.errors import FileError
from sirensong.pictures import raster
from sirensong.pictures.image import digest
from sirensong.pictures.metrics import measure
from sirensong.pictures.raster import Sealed, bands, blank

PICTURE = np.random.default_rng(5).integers(0, 256, (23, 11, 3), np.uint8)


def sealed(picture=PICTURE, rows=7):
    """A sealed copy, written some rows at a time."""
    copy = Sealed(*picture.shape[:2])
    for start in range(0, len(picture), rows):
        copy[start : start + rows] = picture[start : start + rows]
    return copy


@given(st.integers(1, 30), st.integers(0, 25), st.integers(0, 25), st.integers(0, 12), st.integers(0, 12))
def test_what_is_written_is_read(rows, top, bottom, left, right):
    copy = sealed(rows=rows)
    np.testing.assert_array_equal(copy[top:bottom], PICTURE[top:bottom])
    np.testing.assert_array_equal(copy[top:bottom, left:right], PICTURE[top:bottom, left:right])
    np.testing.assert_array_equal(copy[:, left:], PICTURE[:, left:])


def test_it_is_like_an_array():
    copy = sealed()
    assert (copy.shape, copy.size, len(copy), copy.dtype, copy.ndim) == (PICTURE.shape, PICTURE.size, 23, np.uint8, 3)
    np.testing.assert_array_equal(np.asarray(copy), PICTURE)
    assert np.asarray(copy, np.float32).dtype == np.float32
    with pytest.raises(ValueError, match="always copied"):
        np.array(copy, copy=False)
    copy[0:2] = 9
    assert (copy[0:2] == 9).all()


def test_nothing_of_it_is_in_the_file():
    flat = np.full((64, 64, 3), 7, np.uint8)
    files = []
    for _ in range(2):
        copy = sealed(flat)
        copy._file.seek(0)
        files.append(np.frombuffer(copy._file.read(), np.uint8))
        assert len(files[-1]) == flat.size
        counts = np.bincount(files[-1], minlength=256)
        assert counts.max() < 100  # 48 of each are expected
        blocks = files[-1].reshape(-1, 16)
        assert len(np.unique(blocks, axis=0)) == len(blocks)
    assert (files[0] == files[1]).mean() < 0.02  # each has a key of its own


def test_the_file_ends_with_it():
    copy = sealed()
    file = copy._file
    assert not file.closed
    del copy
    gc.collect()
    assert file.closed


def test_threads_read_at_once():
    picture = np.random.default_rng(6).integers(0, 256, (400, 50, 3), np.uint8)
    copy, wrong = sealed(picture, 100), []

    def read(seed):
        tops = np.random.default_rng(seed).integers(0, 390, 100)
        wrong.extend(top for top in tops if not np.array_equal(copy[top : top + 10], picture[top : top + 10]))

    threads = [threading.Thread(target=read, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_it_is_measured_and_named_as_an_array_is(monkeypatch):
    other = PICTURE ^ 3
    assert measure(sealed(), sealed(other)) == measure(PICTURE, other) == measure(PICTURE, sealed(other))
    monkeypatch.setattr(raster, "_BAND", 30)
    assert digest([sealed(), other], "settings") == digest([PICTURE, sealed(other)], "settings")


def test_only_large_ones_are_sealed(monkeypatch):
    monkeypatch.setattr(mapped, "IN_MEMORY", 300)
    assert isinstance(blank(10, 10), np.ndarray)
    assert isinstance(blank(10, 11), Sealed)
    assert blank(10, 11).shape == (10, 11, 3)


@pytest.mark.parametrize(("band", "rows"), [(1, [1] * 5), (14, [2, 2, 1]), (1000, [5])])
def test_bands_are_the_rows_in_order(monkeypatch, band, rows):
    monkeypatch.setattr(raster, "_BAND", band)
    found = list(bands(5, 7))
    assert [part.stop - part.start for part in found] == rows
    assert [row for part in found for row in range(part.start, part.stop)] == list(range(5))


def test_a_full_disk_is_told(monkeypatch):
    """/dev/full has room for nothing."""
    with Path("/dev/full").open("w+b", buffering=0) as full:
        monkeypatch.setattr(raster.tempfile, "TemporaryFile", lambda: full)
        with pytest.raises(FileError, match="no space left"):
            sealed()
