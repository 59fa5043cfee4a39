"""Files: read with a cap, written whole or not at all."""

import errno
import io
import os
import stat
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sirensong import files
from sirensong.errors import FileError, FormatError
from sirensong.files import (
    file_errors,
    file_size,
    read_bytes,
    read_input,
    read_whole,
    refuse_existing,
    write_bytes,
    write_output,
)


def disk_full(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


class TestRead:
    @pytest.mark.parametrize("size", [1, 99, 100])
    def test_a_file_within_the_cap_is_read_whole(self, tmp_path, size):
        (tmp_path / "a").write_bytes(bytes(size))
        assert read_bytes(tmp_path / "a", cap=100, what="a thing") == bytes(size)
        assert file_size(tmp_path / "a") == size

    @pytest.mark.parametrize("size", [101, 5000])
    def test_a_larger_one_is_refused(self, tmp_path, size):
        (tmp_path / "a").write_bytes(bytes(size))
        with pytest.raises(FormatError, match="too large for a thing: expected at most 100 bytes"):
            read_bytes(tmp_path / "a", cap=100, what="a thing")

    def test_an_empty_one_is_refused(self, tmp_path):
        (tmp_path / "a").touch()
        with pytest.raises(FormatError, match="a is empty, expected a thing"):
            read_bytes(str(tmp_path / "a"), cap=100, what="a thing")

    def test_what_cannot_be_read_is_a_problem(self, tmp_path):
        with pytest.raises(FileError, match=r"cannot read .*/a: no such file or directory"):
            read_bytes(tmp_path / "a", cap=100, what="a thing")

    @pytest.mark.parametrize(
        "make", [Path.mkdir, os.mkfifo, lambda path: path.symlink_to(os.devnull)]
    )
    def test_what_is_not_a_regular_file_is_refused_before_it_is_opened(
        self, tmp_path, monkeypatch, make
    ):
        make(tmp_path / "a")
        monkeypatch.setattr(Path, "open", lambda *_: pytest.fail("opened"))
        for read in (
            file_size,
            partial(read_bytes, cap=100, what="a thing"),
            partial(read_input, cap=100, what="a thing"),
        ):
            with pytest.raises(FileError) as caught:
                read(tmp_path / "a")
            assert caught.value.message == f"{tmp_path / 'a'} is not a regular file"

    @pytest.mark.parametrize("name", ["a" * 300, "a\0b", "\ud800", "a\nb"])
    def test_a_name_that_no_file_has_or_can_have_is_a_problem_of_one_line(self, tmp_path, name):
        with pytest.raises(FileError, match="cannot read") as caught:
            read_bytes(tmp_path / name, cap=100, what="a thing")
        assert caught.value.message.isprintable()

    def test_an_open_file_is_read_from_where_it_stands(self):
        file = io.BytesIO(b"abcdef")
        file.seek(2)
        assert read_whole(file, "the thing", cap=4, what="a thing") == b"cdef"

    def test_an_open_file_that_gives_a_byte_at_a_time_is_read_to_its_end(self):
        file = io.BytesIO(b"abcdef")
        slow = SimpleNamespace(read=lambda size: file.read(min(size, 1)))
        assert read_whole(slow, "the thing", cap=6, what="a thing") == b"abcdef"

    @pytest.mark.parametrize(
        ("data", "message"),
        [
            (b"", "x is empty, expected a thing"),
            (b"12345", "x is too large for a thing: expected at most 4 bytes"),
        ],
    )
    def test_an_open_file_is_read_up_to_the_cap(self, data, message):
        with pytest.raises(FormatError) as caught:
            read_whole(io.BytesIO(data), "x", cap=4, what="a thing")
        assert caught.value.message == message


class Standard:
    """Standard input or output, as the interpreter has it: text with a binary buffer."""

    def __init__(self, data=b""):
        self.buffer = io.BytesIO(data)


class TestStandardInputAndOutput:
    def test_a_hyphen_reads_standard_input(self, monkeypatch):
        monkeypatch.setattr(sys, "stdin", Standard(b"\0\r\n\xff"))
        assert read_input("-", cap=4, what="a thing") == b"\0\r\n\xff"

    @pytest.mark.parametrize(
        ("data", "reason"), [(b"", "is empty"), (b"12345", "is too large for a thing")]
    )
    def test_its_length_is_checked(self, monkeypatch, data, reason):
        monkeypatch.setattr(sys, "stdin", Standard(data))
        with pytest.raises(FormatError, match=f"standard input {reason}"):
            read_input("-", cap=4, what="a thing")

    def test_another_name_reads_that_file(self, tmp_path, monkeypatch):
        monkeypatch.setattr(sys, "stdin", Standard(b"other"))
        (tmp_path / "-").write_bytes(b"file")
        assert read_input(tmp_path / "-", cap=10, what="a thing") == b"file"

    @pytest.mark.parametrize("data", [b"\0\n\xff", memoryview(b"\0\n\xff"), [b"\0\n", b"\xff"]])
    def test_a_hyphen_writes_to_standard_output_at_once(self, tmp_path, monkeypatch, data):
        monkeypatch.chdir(tmp_path)
        with (tmp_path / "pipe").open("wb") as pipe:
            monkeypatch.setattr(sys, "stdout", SimpleNamespace(buffer=pipe))
            write_output("-", data, overwrite=False, secret=True)
            assert (tmp_path / "pipe").read_bytes() == b"\0\n\xff"
        assert list(tmp_path.iterdir()) == [tmp_path / "pipe"]

    def test_another_name_writes_that_file(self, tmp_path, monkeypatch):
        monkeypatch.setattr(sys, "stdout", Standard())
        write_output(tmp_path / "-", b"old", overwrite=False)
        write_output(tmp_path / "-", b"new", overwrite=True, secret=True)
        assert sys.stdout.buffer.getvalue() == b""
        assert (tmp_path / "-").read_bytes() == b"new"
        assert mode(tmp_path / "-") == 0o600
        with pytest.raises(FileError, match="exists"):
            write_output(tmp_path / "-", b"newer", overwrite=False)

    @pytest.mark.parametrize(
        "error", [BrokenPipeError(errno.EPIPE, "Broken pipe"), ValueError("x")]
    )
    def test_standard_output_that_is_closed_is_a_problem(self, monkeypatch, error):
        def fail(_):
            raise error

        monkeypatch.setattr(sys, "stdout", Standard())
        monkeypatch.setattr(sys.stdout, "buffer", SimpleNamespace(writelines=fail))
        with pytest.raises(FileError, match="cannot write standard output"):
            write_output("-", b"new", overwrite=False)


class TestFileErrors:
    def test_the_message_says_what_which_and_why(self):
        with pytest.raises(FileError) as caught, file_errors("write", Path("a.png")):
            disk_full()
        assert caught.value.message == "cannot write a.png: no space left on device"
        assert isinstance(caught.value.__cause__, OSError)

    def test_an_error_without_a_reason_of_its_own_is_told_too(self):
        with (
            pytest.raises(FileError, match=r"cannot read a\.png: something odd"),
            file_errors("read", "a.png"),
        ):
            raise OSError("Something odd")

    def test_other_errors_pass(self):
        with pytest.raises(KeyError), file_errors("read", "a.png"):
            raise KeyError("b")


class TestRefuseExisting:
    def test_a_new_name_in_a_folder_is_fine(self, tmp_path):
        assert refuse_existing(tmp_path / "a", overwrite=False) is None

    def test_an_existing_file_is_fine_only_with_overwrite(self, tmp_path):
        (tmp_path / "a").touch()
        assert refuse_existing(tmp_path / "a", overwrite=True) is None
        with pytest.raises(FileError, match="a exists") as caught:
            refuse_existing(tmp_path / "a", overwrite=False)
        assert "--overwrite" in caught.value.hint

    @pytest.mark.parametrize("overwrite", [False, True])
    @pytest.mark.parametrize(
        ("name", "reason"),
        [
            ("", "it is a folder"),
            ("missing/a", "no folder .*missing"),
            ("file/a", "no folder .*file"),
            ("a" * 300, "name too long"),
            ("a\0b", "null byte"),
            ("\ud800", "surrogates not allowed"),
        ],
    )
    def test_where_no_file_can_be_is_a_problem(self, tmp_path, name, reason, overwrite):
        (tmp_path / "file").touch()
        for refuse in (
            refuse_existing,
            lambda path, overwrite: write_bytes(path, b"new", overwrite=overwrite),
        ):
            with pytest.raises(FileError, match=f"cannot write .*{reason}"):
                refuse(tmp_path / name, overwrite=overwrite)
        assert [path.name for path in tmp_path.iterdir()] == ["file"]

    @pytest.mark.parametrize("overwrite", [False, True])
    @pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to(os.devnull)])
    def test_a_pipe_or_a_device_is_never_replaced(self, tmp_path, make, overwrite):
        make(tmp_path / "a")
        with pytest.raises(FileError, match="a: it is not a regular file"):
            refuse_existing(tmp_path / "a", overwrite=overwrite)

    def test_a_link_to_nothing_exists_too(self, tmp_path):
        (tmp_path / "a").symlink_to(tmp_path / "b")
        with pytest.raises(FileError, match="a exists"):
            refuse_existing(tmp_path / "a", overwrite=False)
        assert refuse_existing(tmp_path / "a", overwrite=True) is None


class TestWrite:
    @pytest.mark.parametrize("overwrite", [False, True])
    def test_the_longest_name_that_a_file_can_have_is_fine(self, tmp_path, overwrite):
        longest = tmp_path / ("a" * os.pathconf(tmp_path, "PC_NAME_MAX"))
        write_bytes(longest, b"new", overwrite=overwrite)
        assert longest.read_bytes() == b"new"

    @given(data=st.binary(max_size=1000), overwrite=st.booleans())
    def test_round_trip(self, tmp_path_factory, data, overwrite):
        folder = tmp_path_factory.mktemp("round")
        write_bytes(folder / "a", data, overwrite=overwrite)
        assert (folder / "a").read_bytes() == data
        assert list(folder.iterdir()) == [folder / "a"]

    def test_an_existing_file_is_replaced_only_with_overwrite(self, tmp_path):
        (tmp_path / "a").write_bytes(b"old")
        with pytest.raises(FileError, match="exists"):
            write_bytes(tmp_path / "a", b"new", overwrite=False)
        assert (tmp_path / "a").read_bytes() == b"old"
        write_bytes(tmp_path / "a", b"new", overwrite=True)
        assert (tmp_path / "a").read_bytes() == b"new"
        assert list(tmp_path.iterdir()) == [tmp_path / "a"]

    @pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
    @pytest.mark.parametrize("overwrite", [False, True])
    def test_permissions(self, tmp_path, set_umask, umask, overwrite):
        set_umask(umask)
        write_bytes(tmp_path / "open", b"x", overwrite=overwrite)
        write_bytes(tmp_path / "secret", b"x", overwrite=overwrite, secret=True)
        assert mode(tmp_path / "open") == 0o666 & ~umask
        assert mode(tmp_path / "secret") == 0o600
        assert set_umask(0o022) == umask

    def test_a_secret_is_readable_by_its_owner_alone_from_the_first_byte_on(
        self, tmp_path, monkeypatch
    ):
        seen = []
        monkeypatch.setattr(
            os, "fsync", lambda _: seen.extend(mode(path) for path in tmp_path.iterdir())
        )
        write_bytes(tmp_path / "secret", b"x", overwrite=False, secret=True)
        assert seen == [0o600]

    @pytest.mark.parametrize(
        "where", [(os, "fsync"), (os, "link"), (Path, "replace"), (Path, "chmod")]
    )
    def test_a_full_disk_leaves_nothing_behind(self, tmp_path, monkeypatch, where):
        monkeypatch.setattr(*where, disk_full)
        if where == (os, "link"):
            monkeypatch.setattr(
                Path, "replace", disk_full
            )  # which is tried where links are not possible
        with pytest.raises(FileError, match="no space left on device"):
            write_bytes(tmp_path / "a", b"new", overwrite=where == (Path, "replace"))
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("where", [(os, "fsync"), (Path, "replace"), (Path, "chmod")])
    def test_a_full_disk_leaves_the_old_file_as_it_was(self, tmp_path, monkeypatch, where):
        (tmp_path / "a").write_bytes(b"old")
        monkeypatch.setattr(*where, disk_full)
        with pytest.raises(FileError, match="no space left on device"):
            write_bytes(tmp_path / "a", b"new", overwrite=True)
        assert list(tmp_path.iterdir()) == [tmp_path / "a"]
        assert (tmp_path / "a").read_bytes() == b"old"

    def test_an_interrupt_leaves_nothing_behind(self, tmp_path, monkeypatch):
        def interrupt(_):
            raise KeyboardInterrupt

        monkeypatch.setattr(os, "fsync", interrupt)
        with pytest.raises(KeyboardInterrupt):
            write_bytes(tmp_path / "a", b"new", overwrite=False)
        assert list(tmp_path.iterdir()) == []

    def test_a_file_that_came_into_being_meanwhile_is_kept(self, tmp_path, monkeypatch):
        monkeypatch.setattr(
            files, "refuse_existing", lambda *_, **__: (tmp_path / "a").write_bytes(b"theirs")
        )
        with pytest.raises(FileError, match="exists"):
            write_bytes(tmp_path / "a", b"ours", overwrite=False)
        assert list(tmp_path.iterdir()) == [tmp_path / "a"]
        assert (tmp_path / "a").read_bytes() == b"theirs"

    def test_a_file_system_without_hard_links_does_too(self, tmp_path, monkeypatch):
        def no_links(*_):
            raise OSError(errno.EPERM, "Operation not permitted")

        monkeypatch.setattr(os, "link", no_links)
        write_bytes(tmp_path / "a", b"new", overwrite=False)
        assert (tmp_path / "a").read_bytes() == b"new"
        monkeypatch.setattr(files, "refuse_existing", lambda *_, **__: None)
        with pytest.raises(FileError, match="exists"):
            write_bytes(tmp_path / "a", b"newer", overwrite=False)
        (tmp_path / "b").symlink_to(tmp_path / "nothing")
        with pytest.raises(FileError, match="exists"):
            write_bytes(tmp_path / "b", b"newer", overwrite=False)
        assert sorted(tmp_path.iterdir()) == [tmp_path / "a", tmp_path / "b"]
        assert (tmp_path / "a").read_bytes() == b"new"
