"""Key pairs as a user types them: keygen --pair, hide --to, reveal --identity."""

import shutil
import subprocess

import pytest

import sirensong as ss
from command import SMALL, failed, failure, psnr, read
from sirensong import cli

SONG = "new.safetensors"


@pytest.fixture
def own(folder, tmp_path, monkeypatch):
    """Stand in a folder of one's own, with an identity file and others."""
    for name in ("cover.png", "holiday.png", "map.png", "alice.key", "song.safetensors"):
        shutil.copy(folder / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    assert cli.run(["keygen", "--pair", "-o", "me.age"]) == 0
    assert cli.run(["keygen", "--pair", "-o", "eve.age"]) == 0
    return tmp_path


def recipient(name="me.age"):
    return ss.read_recipient(name).to_text()


def hide(*secrets, output=SONG):
    return cli.run(["hide", "cover.png", *secrets, "-o", output, *SMALL])


def reveal(identity, output="out.png", song=SONG):
    return cli.run(["reveal", song, "--identity", identity, "-o", output])


def test_keygen_writes_an_identity_file_and_prints_the_recipient(tmp_path, capsys):
    path = tmp_path / "me.age"
    assert cli.run(["keygen", "--pair", "-o", str(path)]) == 0
    (identity,) = ss.read_identities(path)
    printed = capsys.readouterr().out
    assert printed == f"{path}: public key {identity.recipient.to_text()}\n"
    assert path.stat().st_mode & 0o777 == 0o600
    before = path.read_bytes()
    assert "exists" in failure(capsys, ["keygen", "--pair", "-o", str(path)])
    assert path.read_bytes() == before


def test_a_picture_for_a_recipient_and_one_for_a_key(own, capsys):
    assert hide("--to", f"{recipient()}=holiday.png", "--secret", "alice.key=map.png") == 0
    told = capsys.readouterr()
    assert "holiday.png" in told.out
    assert "map.png" in told.out
    assert reveal("me.age") == 0
    assert psnr(read("holiday.png"), read("out.png")) > 22
    assert cli.run(["reveal", SONG, "--key", "alice.key", "-o", "map2.png"]) == 0
    assert psnr(read("map.png"), read("map2.png")) > 22
    assert reveal("eve.age", "not.png") == 3
    assert not (own / "not.png").exists()
    assert f"no picture for this key in {SONG}" in capsys.readouterr().err


def test_every_identity_of_a_file_is_tried(own, capsys):
    (own / "friend").write_text(f"# a friend's\r\n{recipient()}\r\n")
    assert hide("--to", "friend=holiday.png") == 0
    (own / "both").write_bytes((own / "eve.age").read_bytes() + (own / "me.age").read_bytes())
    assert reveal("both") == 0
    assert psnr(read("holiday.png"), read("out.png")) > 22
    assert cli.run(["reveal", SONG, "--identity", "eve.age", "--force", "-o", "wrong.png"]) == 0
    assert "the key opens nothing" in capsys.readouterr().err


def test_an_identity_file_of_one_s_own_stands_for_its_recipient(own):
    few = ["--recipe", "fast", "--steps", "1", "--hidden-features", "16", "--hidden-layers", "2"]
    assert cli.run(["hide", "cover.png", "--to", "me.age=holiday.png", "-o", SONG, *few]) == 0
    assert ss.unlock(ss.load(SONG), ss.read_identities("me.age")).found


@pytest.mark.skipif(not shutil.which("age-keygen"), reason="age is not installed")
def test_with_keys_of_age_keygen(own):
    made = subprocess.run(
        ["age-keygen", "-o", "key.txt"], capture_output=True, text=True, check=True, timeout=60
    )
    public = made.stderr.removeprefix("Public key: ").strip()
    assert hide("--to", f"{public}=holiday.png") == 0
    assert reveal("key.txt") == 0
    assert psnr(read("holiday.png"), read("out.png")) > 22


def test_neither_carrier_nor_output_shows_an_identity(own, capsys):
    assert hide("--to", f"{recipient()}=holiday.png") == 0
    (identity,) = ss.read_identities("me.age")
    data, told = (own / SONG).read_bytes(), capsys.readouterr()
    assert identity.secret not in data
    assert identity.recipient.public not in data
    assert identity.to_text()[20:40] not in told.out + told.err


NOT_SUCH = {
    "a typo": ("{}q=map.png", "a recipient has a typo: its checksum does not match"),
    "another letter case": ("{upper}=map.png", "a recipient begins with age1, in lower case"),
    "a file that is missing": ("nobody=map.png", "cannot read nobody"),
    "a key file": ("alice.key=map.png", "alice.key: a recipient begins with age1"),
    "a picture": ("map.png=map.png", "map.png is not a recipient's file"),
    "no pair": ("{}", "--to takes RECIPIENT=SECRET"),
    "no picture": ("{}=", "--to takes RECIPIENT=SECRET"),
    "swapped": ("map.png={}", "--to takes RECIPIENT=SECRET"),
    "a missing picture": ("{}=none.png", "cannot read none.png"),
}


@pytest.mark.parametrize(("pair", "message"), NOT_SUCH.values(), ids=NOT_SUCH)
def test_what_is_no_recipient_is_one_line(pair, message, own, capsys):
    capsys.readouterr()
    pair = pair.format(recipient(), upper=recipient().upper())
    assert message in failure(capsys, ["hide", "cover.png", "--to", pair, "-o", SONG])
    assert not (own / SONG).exists()


def test_the_same_recipient_twice(own, capsys):
    capsys.readouterr()
    command = ["hide", "cover.png", "--to", f"{recipient()}=map.png", "--to", "me.age=holiday.png"]
    assert "the same key is given twice" in failure(capsys, [*command, "-o", SONG])


@pytest.mark.parametrize(
    "arguments",
    [
        ["reveal", "song.safetensors", "-o", "x.png", "--identity", "KEY"],
        ["reveal", "song.safetensors", "-o", "x.png", "--key", "KEY"],
        ["hide", "cover.png", "--to", "KEY=map.png", "-o", SONG],
        ["hide", "cover.png", "--to", "KEY", "-o", SONG],
        ["hide", "KEY", "--to", "KEY=map.png", "-o", SONG],
    ],
)
@pytest.mark.parametrize("change", [str, str.lower])
def test_the_text_of_an_identity_is_never_quoted(arguments, change, own, capsys):
    capsys.readouterr()
    text = change(ss.read_identities("me.age")[0].to_text())
    error, hint = failed(capsys, [word.replace("KEY", text) for word in arguments])
    assert text[20:30] not in error + hint


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty, expected an identity file"),
        (b"# nothing\n", "expected an identity on each line, got 0 lines"),
        (b"\xef\xbb\xbf", "begins with a byte order mark"),
        (b"sirensong-key-aaaa\n", "an identity begins with AGE-SECRET-KEY-1, in upper case"),
        (b"#" * 5000, "is too large for an identity file"),
    ],
)
def test_other_identity_files_are_one_line(content, message, own, capsys):
    capsys.readouterr()
    (own / "bad.age").write_bytes(content)
    command = ["reveal", "song.safetensors", "--identity", "bad.age", "-o", "x.png"]
    assert message in failure(capsys, command)


def test_one_key_and_no_more(own, capsys):
    capsys.readouterr()
    both = ["--identity", "me.age", "--key", "alice.key"]
    error, hint = failed(capsys, ["reveal", "song.safetensors", *both, "-o", "x.png"])
    assert error.endswith("--passphrase and --passphrase-file, got 2")
    assert "--identity" in hint


@pytest.mark.parametrize(
    "command",
    [
        ["reveal", "song.safetensors", "--identity", "me.png", "-o", "me.png"],
        ["hide", "cover.png", "--to", "friend=map.png", "-o", "friend"],
    ],
)
def test_an_output_never_takes_the_name_of_a_key_s_file(command, own, capsys):
    shutil.copy("me.age", "me.png")
    shutil.copy("me.age", "friend")
    capsys.readouterr()
    before = (own / command[-1]).read_bytes()
    failure(capsys, [*command, "--overwrite"])
    assert (own / command[-1]).read_bytes() == before
