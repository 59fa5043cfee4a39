"""Before torch is used: settings of the C library, and the error if a package is missing."""

import sys

import pytest

from sirensong.errors import MissingDependencyError
from sirensong.training import loading as module
from sirensong.training.loading import loading


@pytest.fixture
def told(monkeypatch):
    """What the C library is told, as (parameter, value), as if for the first time."""
    calls = []

    class Library:
        def __init__(self, name):
            assert name is None  # the program itself

        def mallopt(self, parameter, value):
            calls.append((parameter, value))

    monkeypatch.setattr(module.ctypes, "CDLL", Library)
    module._keep_freed_memory.cache_clear()
    yield calls
    module._keep_freed_memory.cache_clear()


def test_glibc_is_told_once_to_keep_what_is_freed(told, monkeypatch):
    monkeypatch.setattr(module.sys, "platform", "linux")
    for _ in range(2):
        with loading("a test"):
            pass
    assert told == [(-1, 64 * 2**20), (-3, 4 * 2**20)]  # M_TRIM_THRESHOLD, M_MMAP_THRESHOLD


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_no_other_library_is_told_anything(told, monkeypatch, platform):
    monkeypatch.setattr(module.sys, "platform", platform)
    with loading("a test"):
        pass
    assert told == []


def test_a_c_library_without_it_is_left_alone(told, monkeypatch):
    monkeypatch.setattr(module.sys, "platform", "linux")
    monkeypatch.setattr(module.ctypes, "CDLL", lambda _: object())
    with loading("a test"):
        pass
    assert told == []


def test_a_missing_package_is_told():
    with (
        pytest.raises(MissingDependencyError, match="a test needs a_package_that_nobody_has"),
        loading("a test"),
    ):
        import a_package_that_nobody_has  # noqa: F401


def test_routines_are_compiled_while_torch_is_imported_and_only_then(monkeypatch):
    begun = []
    monkeypatch.setattr(module.native, "begin", lambda: begun.append("torch" in sys.modules))
    monkeypatch.setitem(sys.modules, "torch", object())
    with loading("a test"):
        pass
    assert begun == []
    monkeypatch.delitem(sys.modules, "torch")
    with loading("a test"):
        pass
    assert begun == [False]
