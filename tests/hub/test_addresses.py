"""Addresses, taken apart."""

import io
import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

import sirensong as ss
from sirensong.errors import SettingError, SirensongError
from sirensong.hub.addresses import (
    BucketAddress,
    ModelAddress,
    RegistryAddress,
    WebAddress,
    is_address,
    parse_address,
)

SONG = "song.safetensors"
DIGEST = "sha256:" + "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("hf://user/name", ModelAddress("user/name")),
        ("HF://User/Name/", ModelAddress("User/Name")),
        ("hf://user/name@v1.0", ModelAddress("user/name", "v1.0")),
        ("hf://user/name@refs/pr/1", ModelAddress("user/name", "refs/pr/1")),
        ("hf://user/name@a%2Fb/x/y.st", ModelAddress("user/name", "a/b", "x/y.st")),
        ("hf://user/name/a/b.safetensors", ModelAddress("user/name", None, "a/b.safetensors")),
        ("https://host/a.st", WebAddress("https://host/a.st")),
        ("HTTP://Host:80/a/", WebAddress(f"http://host:80/a/{SONG}")),
        ("https://host", WebAddress(f"https://host/{SONG}")),
        ("https://host/a/?x=1#y", WebAddress("https://host/a/?x=1")),
        ("https://host/ä%20b", WebAddress("https://host/%C3%A4%20b")),
        ("https://[::1]:8/a", WebAddress("https://[::1]:8/a")),
        ("s3://bucket/a/b.st", BucketAddress("bucket", "a/b.st")),
        ("s3://bucket/a/", BucketAddress("bucket", f"a/{SONG}")),
        ("s3://bucket", BucketAddress("bucket", SONG)),
        ("oci://ghcr.io/a/b", RegistryAddress("ghcr.io", "a/b", "latest")),
        ("oci://localhost:5000/a:v1", RegistryAddress("localhost:5000", "a", "v1")),
        (f"oci://h.io/a@{DIGEST}", RegistryAddress("h.io", "a", "latest", DIGEST)),
    ],
)
def test_what_an_address_says(text, address):
    assert is_address(text)
    assert parse_address(text) == address


@pytest.mark.parametrize(
    "text",
    [
        "ftp://host/a", "file:///etc/passwd", "hf:user/name", "s3:/bucket/key", "https:/host/a",
        "hf://", "hf://user", "hf://datasets/user/name", "hf://user/name/../x", "hf://user//name",
        "hf://user/name/a//b", "hf://user/name@/x", "hf://user/name?x", "hf://u ser/name",
        "https://", "https:///a", "https://host:port/a", "https://host:99999/a", "https://ho st/a",
        "https://host/a\nb", "https://me:hush@host/a", "https://hush@host/a", "https://höst/a",
        "https://[::1/a", "s3://Bucket/key", "s3://b/key", "s3://bucket/a/../b", "s3://bucket//a",
        "oci://host", "oci://host/Name", "oci://host/a:", "oci://host/a@sha256:12", "oci:///a",
    ],
)  # fmt: skip
def test_what_is_none(text):
    assert is_address(text)
    with pytest.raises(SettingError) as told:
        parse_address(text)
    assert "\n" not in told.value.message
    assert "hush" not in told.value.message + (told.value.hint or "")


@pytest.mark.parametrize(
    "text", ["song.safetensors", "-", "/a/b", "C:\\a", "./hf://a/b", "a:b", "hf", "", "http.st"]
)
def test_paths_are_no_addresses(text):
    assert not is_address(text)


ALPHABET = st.sampled_from("ab/:@?#%.-_[]~\\ \0\n\x85é" + string.digits)
TAILS = st.text(ALPHABET | st.characters(codec="utf-8"), max_size=30)


@given(st.sampled_from(["hf", "https", "http", "s3", "oci"]), TAILS)
def test_whatever_is_typed_is_an_address_or_an_error_of_one_line(scheme, tail):
    try:
        address = parse_address(f"{scheme}://{tail}")
    except SirensongError as error:
        told = error.message
    else:
        told = str(address)
        assert told.startswith(f"{scheme}://")
        if isinstance(address, WebAddress):
            assert re.fullmatch("[!-~]+", address.url)
    assert told.isprintable()


@given(st.sampled_from(["hf://user/name", "s3://bucket", "oci://host.io/name"]), TAILS)
def test_what_is_shown_leads_to_the_same(beginning, tail):
    try:
        address = parse_address(beginning + tail)
    except SirensongError:
        return
    if not (isinstance(address, ModelAddress) and "/" in (address.revision or "")):
        assert parse_address(str(address)) == address


def test_load_still_takes_files(tmp_path, song):
    path = tmp_path / "x.safetensors"
    path.write_bytes(song)
    for source in (path, str(path), io.BytesIO(song)):
        assert ss.load(source).fingerprint == ss.loads(song).fingerprint
