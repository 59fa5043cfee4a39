"""Large arrays in files: the same numbers, and memory that is given back."""

import mmap
import resource
from pathlib import Path

import numpy as np
import pytest

from sirensong.carrier import mapped
from sirensong.errors import FileError


@pytest.fixture
def small_memory(monkeypatch):
    """What counts as large in these tests."""
    monkeypatch.setattr(mapped, "IN_MEMORY", 1000)
    monkeypatch.setattr(mapped, "_PIECE", 4096)


def resident():
    """Bytes of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


@pytest.mark.parametrize("shape", [(3, 4), (50, 60), (5000, 3, 2), (1, 9999)])
def test_zeros_are_zeros_and_keep_what_is_written(small_memory, shape):
    array = mapped.zeros(shape)
    assert array.shape == shape
    assert array.dtype == np.float32
    assert not array.any()
    expected = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    array[:] = expected
    mapped.release(array)
    np.testing.assert_array_equal(array, expected)


@pytest.mark.parametrize("count", [0, 10, 1000, 1001, 5000])
def test_a_file_is_read_whole_and_cannot_be_written(small_memory, tmp_path, count):
    content = np.random.default_rng(1).bytes(count)
    (tmp_path / "a").write_bytes(content)
    array = mapped.read(tmp_path / "a")
    (tmp_path / "a").unlink()
    assert array.dtype == np.uint8
    assert array.tobytes() == content
    assert not array.flags.writeable


def test_of_a_view_the_whole_file_is_released(tmp_path, monkeypatch):
    monkeypatch.setattr(mapped, "IN_MEMORY", 2**20)
    (tmp_path / "a").write_bytes(bytes(2**28))
    view = mapped.read(tmp_path / "a")[8:].view(np.float32)[:-2].reshape(3, -1)
    before = resident()
    assert view.sum() == 0
    assert resident() - before > 2**27
    mapped.release(view)
    assert resident() - before < 2**26


@pytest.mark.parametrize("shape", [(7,), (3000,), (700, 9), (3, 5000), (0, 4)])
def test_pieces_are_the_array_in_order(small_memory, shape):
    array = mapped.zeros(shape) if shape[0] else np.zeros(shape, np.float32)
    array[:] = np.random.default_rng(2).normal(size=shape)
    pieces = list(mapped.pieces(array))
    assert all(piece.nbytes <= max(4096, array[0].nbytes) for piece in pieces)
    np.testing.assert_array_equal(
        np.concatenate([*pieces, np.zeros((0, *shape[1:]), np.float32)]), array
    )


@pytest.mark.skipif(
    not Path("/proc/self/statm").exists() or not hasattr(mmap, "MADV_DONTNEED"),
    reason="Linux tells",
)
def test_memory_is_given_back(tmp_path):
    array = mapped.zeros((2**18, 256))  # 256 MiB
    before = resident()
    for start in range(0, len(array), 2**14):
        array[start : start + 2**14] = start
        mapped.release(array)
        assert resident() - before < 2**26
    assert sum(float(piece[0, 0]) for piece in mapped.pieces(array)) == sum(range(0, 2**18, 2**14))
    assert resident() - before < 2**26


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(FileError, match=r"cannot read .*none: no such file"):
        mapped.read(tmp_path / "none")


def test_a_full_disk_is_told_before_anything_is_written_to(monkeypatch, small_memory):
    """/dev/full has room for nothing."""
    with Path("/dev/full").open("w+b", buffering=0) as full:
        monkeypatch.setattr(mapped.tempfile, "TemporaryFile", lambda: full)
        with pytest.raises(FileError, match="no space left"):
            mapped.zeros((100, 100))
