"""Files: read with a cap, written whole or not at all."""

import errno
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sirensong import files
from sirensong.errors import FileError, FormatError
from sirensong.files import read_bytes, refuse_existing, told, write_bytes


def disk_full(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


class TestRead:
    @pytest.mark.parametrize("size", [1, 99, 100])
    def test_a_file_within_the_cap_is_read_whole(self, tmp_path, size):
        (tmp_path / "a").write_bytes(bytes(size))
        assert read_bytes(tmp_path / "a", cap=100, what="a thing") == bytes(size)

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
        with pytest.raises(FileError, match="is a directory"):
            read_bytes(tmp_path, cap=100, what="a thing")


class TestTold:
    def test_the_message_says_what_which_and_why(self):
        with pytest.raises(FileError) as caught, told("write", Path("a.png")):
            disk_full()
        assert caught.value.message == "cannot write a.png: no space left on device"
        assert isinstance(caught.value.__cause__, OSError)

    def test_an_error_without_a_reason_of_its_own_is_told_too(self):
        with (
            pytest.raises(FileError, match=r"cannot read a\.png: something odd"),
            told("read", "a.png"),
        ):
            raise OSError("Something odd")

    def test_other_errors_pass(self):
        with pytest.raises(KeyError), told("read", "a.png"):
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


class TestWrite:
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
        assert list(tmp_path.iterdir()) == [tmp_path / "a"]
        assert (tmp_path / "a").read_bytes() == b"new"
