"""Addresses and publishing as a user types them."""

import json
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from PIL import Image

import sirensong as ss
from command import failed, failure
from sirensong import cli

pytestmark = pytest.mark.filterwarnings("ignore:Use .content=:DeprecationWarning")

SONG = "/song.safetensors"


@pytest.fixture
def at(tmp_path, monkeypatch, song, key):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.safetensors").write_bytes(song)
    ss.write_key("my.key", key)
    return tmp_path


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image)


COMMANDS = {
    "sample": ["sample", "CARRIER", "-o", "out.png", "--scale", "2"],
    "reveal": ["reveal", "CARRIER", "--key", "my.key", "-o", "out.png"],
    "page": ["page", "CARRIER", "-o", "out.html"],
    "inspect": ["inspect", "CARRIER"],
    "inspect --json": ["inspect", "CARRIER", "--json"],
}


@pytest.mark.parametrize("name", COMMANDS)
def test_an_address_serves_as_a_file_does(name, at, web, song, capsys):
    """The same picture, page or text, but for the name."""
    web.answers[SONG] = song
    made = []
    for carrier in ("mine.safetensors", web.url + SONG):
        words = [carrier if word == "CARRIER" else word for word in COMMANDS[name]]
        assert cli.run(words) == 0
        made.append(capsys.readouterr().out.replace(carrier, "CARRIER"))
        for path in at.glob("out.*"):
            made[-1] += path.read_bytes().hex()
            path.unlink()
    assert made[0] == made[1]
    assert "CARRIER" in made[0] or "out." in made[0]


def test_every_kind_of_address(at, web, bucket, oci, hub_stub, song):
    for place in ("hf://me/name", "s3://songs/a", f"oci://{oci}/command/a:1", "folder"):
        assert cli.run(["publish", "mine.safetensors", place, "--license", "cc0-1.0"]) == 0
    web.answers[SONG] = (at / "folder" / "song.safetensors").read_bytes()
    places = ("hf://me/name", "s3://songs/a/", f"oci://{oci}/command/a:1", f"{web.url}/")
    for index, place in enumerate(places):
        assert cli.run(["reveal", place, "--key", "my.key", "-o", f"{index}.png"]) == 0
    assert len({pixels(f"{index}.png").tobytes() for index in range(4)}) == 1
    for path in at.glob("*.png"):
        path.unlink()
    for place in places:
        assert cli.run(["sample", place, "-o", "x.png", "--offline", "--overwrite"]) == 0


def test_a_process_of_its_own_says_one_line(at, web):
    web.answers[SONG] = b"<html>" * 500
    command = [sys.executable, "-W", "error", "-m", "sirensong", "sample", web.url + SONG]
    command += ["-o", "out.png"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        f"sirensong: error: {web.url}{SONG} is a web page, not a carrier",
        "hint: take the link of the file itself, not of a page about it",
    ]
    assert not (at / "out.png").exists()


def test_a_wrong_key_names_the_address(at, web, song, capsys):
    web.answers[SONG] = song
    ss.write_key("other.key", ss.SecretKey(bytes(32)))
    place = f"{web.url}{SONG}?token=hush"
    error = failure(capsys, ["reveal", place, "--key", "other.key", "-o", "x.png"], code=3)
    assert error.endswith(f" in {web.url}{SONG}?...")


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["inspect", "ftp://host/a"], "an address begins with hf://"),
        (["inspect", "hf:me/name"], "an address begins with hf://"),
        (["inspect", "http://127.0.0.1:1/a", "--offline"], "is not in the cache"),
        (["inspect", "http://127.0.0.1:1/a"], "cannot fetch http://127.0.0.1:1/a: "),
        (["inspect", "http://me:hush@host/a"], "no user and no password"),
        (["inspect", "a", "--largest-download", "0"], "must be positive"),
        (["publish", "mine.safetensors", "x"], "no license is given"),
        (["publish", "mine.safetensors", "https://host/", "--license", "other"], "cannot publish"),
        (["publish", "none", "x", "--license", "other"], "cannot read none"),
        (["publish", "my.key", "x", "--license", "other"], "my.key is not a carrier"),
    ],
)
def test_mistakes_are_one_line(words, error, at, capsys):
    told = failure(capsys, words)
    assert error in told
    assert "hush" not in told
    assert not (at / "x").exists()


def test_the_most_can_be_set(at, web, song, capsys):
    web.answers[SONG] = song
    words = ["inspect", web.url + SONG]
    error, hint = failed(capsys, [*words, "--largest-download", "100"])
    assert "at most 100 bytes" in error
    assert hint.startswith("hint: --largest-download BYTES")
    assert cli.run([*words, "--largest-download", str(len(song))]) == 0


def test_a_dry_run_shows_what_would_go(at, capsys):
    assert cli.run(["publish", "mine.safetensors", "x", "--license", "cc0-1.0", "--dry-run"]) == 0
    printed = capsys.readouterr()
    told = ss.publish("mine.safetensors", "x", license_id="cc0-1.0", dry_run=True)
    for name, data in told.files.items():
        assert f"{name}: {len(data)} bytes, sha256 {told.digest(name)}" in printed.out
    assert printed.out.endswith(f"\n\n{told.card}")
    assert printed.err == "note: nothing was published to x\n"
    assert not (at / "x").exists()


def test_json_says_what_went(at, capsys):
    words = ["publish", "mine.safetensors", "x", "--license", "cc0-1.0", "--json"]
    assert cli.run(words) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["name"], told["published"], told["destination"]) == ("publish", True, "x")
    assert [one["file"] for one in told["files"]] == [
        "song.safetensors",
        "README.md",
        "preview.png",
    ]
    assert told["card"] == (at / "x" / "README.md").read_text("utf-8")


def test_what_is_there_is_not_replaced_unless_told(at, capsys):
    words = ["publish", "mine.safetensors", "x", "--license", "cc0-1.0"]
    assert cli.run(words) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "published: x/song.safetensors"
    error, hint = failed(capsys, words)
    assert "two versions of one cover differ where secrets differ" in error
    assert "--overwrite" in hint
    assert cli.run([*words, "--overwrite"]) == 0


def test_a_receiver_without_the_extra_has_the_web_and_folders_and_is_told_of_the_rest(
    at, web, song
):
    web.answers[SONG] = song
    script = """
        import sys
        sys.modules.update(dict.fromkeys(["huggingface_hub", "s3fs", "oras", "torch", "skimage"]))
        from sirensong import cli
        for place in ("hf://me/name", "s3://songs/a", "oci://h.io/a"):
            print(cli.run(["sample", place, "-o", "x.png"]))
            print(cli.run(["publish", "mine.safetensors", place, "--license", "other"]))
        print(cli.run(["publish", "mine.safetensors", "folder", "--license", "other", "--quiet"]))
        print(cli.run(["reveal", sys.argv[1], "--key", "my.key", "-o", "x.png"]))
    """
    line = [sys.executable, "-W", "error", "-c", textwrap.dedent(script), web.url + SONG]
    done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=60)
    printed = done.stdout.splitlines()
    assert printed[:6] == ["1"] * 6
    assert (printed[-3], printed[-2:]) == ("0", ["x.png: 7x4", "0"])
    hint = "hint: pip install 'sirensong[hub]'"
    needed = ("hf:// addresses need huggingface_hub", "s3:// addresses need s3fs")
    needed += ("oci:// addresses need oras",)
    told = [line for words in needed for line in [f"sirensong: error: {words}", hint] * 2]
    assert done.stderr.splitlines() == told


def test_importing_imports_nothing_of_the_network():
    script = (
        "import sys, sirensong, sirensong.cli; "
        "print(sorted({'urllib.request', 'http.client', 'ssl', 'platformdirs', 'huggingface_hub',"
        " 's3fs', 'oras', 'requests'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "[]\n"
