"""Python's reveal and JavaScript's agree: on pictures, on files, on what to refuse."""

import numpy as np
import pytest

import sirensong as ss
from golden import make
from sirensong.network.substitution import Selection, magnitude_positions
from sirensong.payload.content import safe_name
from sirensong.payload.payload import layout_for
from sirensong.payload.samples import MODULATIONS
from sirensong.reveal import SecretFunction, unlock
from web.receiver import answers, assert_alike, needs_node, picture_of, saved, song

pytestmark = needs_node
KEY = ss.SecretKey(bytes(range(50, 82)))
SHAPE = (29, 5)


def python_shows(function, size=None):
    own = function.height, function.width
    return ss.render_uint8(function, size or own)


def assert_agree(tmp_path, cases):
    """cases: (job, function that Python renders, size or None)."""
    jobs = [
        job | {"to": tmp_path / f"{number}", "size": size}
        for number, (job, _, size) in enumerate(cases)
    ]
    for job, found, (_, function, size) in zip(jobs, answers(jobs), cases, strict=True):
        assert "refused" not in found, found
        assert_alike(picture_of(job["to"], found), python_shows(function, size))


@pytest.mark.parametrize("fast", [False, True], ids=["plain", "compiled"])
def test_covers_of_all_shapes_and_sizes(tmp_path, fast):
    cases = []
    for seed, (shape, grid, size) in enumerate(
        [((29, 5), (3, 4), (50, 70)), ((16, 2), (1, 1), (31, 17)), ((32, 6), (2, 1), (40, 64))]
    ):
        stego = song(shape, grid, size, seed)
        path = saved(tmp_path / f"{seed}.safetensors", stego)
        sizes = None, (97, 61), (13, 130)
        cases.extend(({"song": path, "fast": fast}, stego, other) for other in sizes)
    assert_agree(tmp_path, cases)


@pytest.mark.parametrize("selection", [Selection.KEYED, Selection.RANDOM])
def test_secrets(tmp_path, selection):
    stego = make.with_slots(song(SHAPE, (3, 4), (50, 70), 5), (KEY, selection, 0.07, 64, 45))
    path = saved(tmp_path / "song.safetensors", stego)
    ss.write_key(tmp_path / "a.key", KEY)
    job = {"song": path, "key": tmp_path / "a.key"}
    secret = unlock(stego, KEY)
    assert isinstance(secret, SecretFunction)
    assert_agree(tmp_path, [(job, secret, None), (job | {"fast": True}, secret, (90, 33))])


def test_a_secret_behind_a_mask(tmp_path):
    plain = song(SHAPE, (1, 2), (24, 40), 6)
    stego = make.with_slots(plain, (KEY, Selection.MAGNITUDE, 0.05, 24, 40))
    weights = song(SHAPE, (1, 2), (24, 40), 7).weights
    positions = tuple(magnitude_positions(weights, 0.05))
    mask = ss.Mask(stego.architecture, 0.05, positions, stego.nonce[:8])
    ss.write_mask(tmp_path / "song.mask", mask)
    path = saved(tmp_path / "song.safetensors", stego)
    ss.write_key(tmp_path / "a.key", KEY)
    job = {"song": path, "key": tmp_path / "a.key", "to": tmp_path / "x"}
    (without,) = answers([job])
    assert without["refused"] == "the song needs its mask besides the key"
    secret = unlock(stego, KEY, mask=mask)
    assert_agree(tmp_path, [(job | {"mask": tmp_path / "song.mask"}, secret, None)])


@pytest.mark.parametrize("memory", [64, 96])
def test_passphrases_in_either_unicode_form(tmp_path, memory):
    phrase = ss.Passphrase("Zw\u00f6lf Boxk\u00e4mpfer", memory=memory)
    plain = song((16, 3), (1, 2), (20, 30), 8)
    stego = make.with_slots(plain, (phrase.bind(plain.nonce), Selection.KEYED, 0.1, 20, 30))
    path = saved(tmp_path / "song.safetensors", stego)
    decomposed = {"song": path, "passphrase": "Zwo\u0308lf Boxka\u0308mpfer", "memory": memory}
    assert_agree(tmp_path, [(decomposed, unlock(stego, phrase), None)])
    (other,) = answers([decomposed | {"memory": 80, "to": tmp_path / "x"}])
    assert other["refused"] == "there is no picture for this key"


def test_identities_of_age(tmp_path):
    stego = make.age_identity()
    path = saved(tmp_path / "song.safetensors", stego)
    other, own = ss.Identity(bytes(range(1, 33))), ss.Identity(make.IDENTITY)
    file = tmp_path / "me.age"
    file.write_text(f"# two\n{other.to_text()}\r\n{own.to_text()}\n", newline="")
    assert_agree(tmp_path, [({"song": path, "key": file}, unlock(stego, own), None)])


@pytest.mark.parametrize("kind", [1, 6, 8, 13])
def test_hidden_files_with_wrong_samples(tmp_path, kind):
    stego, rng = song((8, 2), (1, 1), (9, 9), 9), np.random.default_rng(kind)
    content = rng.bytes(300) + b"noon " * 200
    file = ss.HiddenFile("notes \u00e9.txt", content)
    layout = layout_for(len(file.packed), MODULATIONS[kind - 1], (4, 5), (1, 1))
    samples = layout.picture(file.packed, KEY, stego.nonce)
    flat = samples.reshape(-1)
    wrong = rng.choice(flat.size, size=flat.size // 200, replace=False)
    flat[wrong] = rng.integers(0, 256, wrong.size)
    shown = (samples / np.float32(255)).astype(np.float32)
    assert layout.read(shown, KEY, stego.nonce)[0] == file
    alpha = np.full((*samples.shape[:2], 1), 255, np.uint8)
    np.concatenate([samples, alpha], 2).tofile(tmp_path / "samples")
    job = {
        "samples": tmp_path / "samples",
        "kind": kind,
        "secret": KEY.secret.hex(),
        "nonce": stego.nonce.hex(),
        "to": tmp_path / "content",
    }
    found, other = answers([job, job | {"secret": bytes(32).hex()}])
    assert found == {"name": file.name}
    assert (tmp_path / "content").read_bytes() == content
    assert "the song was altered" in other["refused"]


NAMES = [
    "../../etc/passwd", "a\\b\\c.txt", "con.txt", "Com7", "a\x00b\x1f.txt", ". . ", "", "x" * 300,
    "\u00e9" * 150 + ".tar.gz", "." + "e" * 80, "a:b*c?.png", "\u202egnp.exe", "LPT1 .txt", "...a",
    "\U0001f600" * 60 + ".png", "nul", "a.", " a ",
]  # fmt: skip


def test_names_of_files_become_the_same():
    found = answers([{"name": name} for name in NAMES])
    assert [one["name"] for one in found] == [safe_name(name) for name in NAMES]
