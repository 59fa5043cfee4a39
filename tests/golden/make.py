"""Write the carriers, keys and pictures of tests/golden: python tests/golden/make.py

What is here is what a release of format 2 wrote, so a later one must read it in the same way: run
this only when the format has a new version. All files but the trained carriers (two-secrets,
note) are the same on every machine. Needs the tests' folder and the library on the path.

accept/   NAME.safetensors, and NAME.png, its cover; NAME.WHO.key or NAME.WHO.age, and NAME.WHO.png,
          what they reveal; of a file (note.k) its samples. Where WHO is "wrong", the picture is
          what --force shows.
refuse/   files whose names say what is wrong with them; with NAME.key or NAME.age beside it the
          carrier opens and revealing is refused. messages.json: how each message begins, after the
          file's name.
"""

import dataclasses
import json
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

import sirensong as ss  # noqa: E402
from golden.damage import key_files, odd_carriers, odd_secrets  # noqa: E402
from sirensong.carrier.slots import DIGEST_BYTES, Slot, seal_slots  # noqa: E402
from sirensong.keys.pair import public_key  # noqa: E402
from sirensong.network.lattice import start_codes, values_of  # noqa: E402
from sirensong.network.siren import Layer  # noqa: E402
from sirensong.network.substitution import Selection  # noqa: E402
from sirensong.pictures.image import to_pil  # noqa: E402

K, NONCE = bytes(range(32)), bytes(range(32, 64))
IDENTITY, PRIVATE = bytes(range(64, 96)), bytes(range(96, 128))
ENTROPY = bytes(range(128, 160))


def function(shape, omega, grid, size, steps, codes, nonce=NONCE):
    """A function without slots. codes: arrays, one for each tensor, or one code for all."""
    architecture, grid = ss.Architecture(*shape, omega), ss.Grid(*grid)
    steps = tuple(float(np.float32(step)) for step in steps)
    start = start_codes(architecture, steps, nonce, range(grid.tiles))
    arrays = []
    for index, step in enumerate(steps):
        out, into = architecture.shapes[index // 2]
        form = (grid.tiles, out) if index % 2 else (grid.tiles, out, into)
        own = np.resize(np.asarray(codes[index], np.int64), form)
        arrays.append(values_of(own + start[index] if index < 2 else own, step))
    weights = tuple(map(Layer, arrays[::2], arrays[1::2]))
    return ss.StegoFunction(architecture, grid, weights, steps, *size, nonce, bytes(1024))


def drawn(shape, grid, spread, seed):
    """Codes for `function`, normal with a deviation for each tensor."""
    rng, (out, layers) = np.random.default_rng(seed), shape
    shapes = [(out, 2), *[(out, out)] * (layers - 1), (3, out)]
    sizes = [size for rows, columns in shapes for size in (rows * columns, rows)]
    tiles = grid[0] * grid[1]
    return [
        np.rint(rng.normal(0, deviation, tiles * size)).astype(int)
        for size, deviation in zip(sizes, spread, strict=True)
    ]


def with_slots(stego, *entries):
    """entries: (key, selection, ratio, height, width)."""
    digest = stego.digest[:DIGEST_BYTES]
    sealed = [(key, Slot(*fields, digest)) for key, *fields in entries]
    return dataclasses.replace(stego, slots=seal_slots(stego.nonce, sealed, ENTROPY))


def one_tile():
    """The carrier of docs/format.md, section 10.5, whose slots are zeros but for the fifth."""
    steps = (0.1, 0.05, 0.2, 0.1, 0.05, 0.02)
    codes = np.split(np.arange(-10, 11), np.cumsum([4, 2, 4, 2, 6]))
    stego = function((2, 2), 30.0, (1, 1), (1, 2), steps, codes)
    sealed = with_slots(stego, (ss.SecretKey(K), Selection.KEYED, 0.25, 1, 2)).slots
    slot = next(
        sealed[at : at + 16]
        for at in range(0, 1024, 16)
        if ss.carrier.slots.open_slots(NONCE, sealed[at : at + 16], ss.SecretKey(K))
    )
    return dataclasses.replace(stego, slots=bytes(80) + slot + bytes(928))


def six_tiles():
    shape, grid = (8, 4), (2, 3)
    spread = [3, 2, *[24, 10] * 3, 30, 6]
    steps = [0.05, 0.1, *[0.02] * 8]
    stego = function(shape, 12.0, grid, (20, 30), steps, drawn(shape, grid, spread, 1))
    return with_slots(stego, (ss.SecretKey(K), Selection.KEYED, 0.2, 24, 16))


def random_selection():
    shape, grid = (8, 3), (1, 2)
    spread = [3, 2, *[24, 10] * 2, 30, 6]
    steps = [0.05, 0.1, *[0.02] * 6]
    stego = function(shape, 10.0, grid, (12, 16), steps, drawn(shape, grid, spread, 2))
    return with_slots(stego, (ss.SecretKey(K), Selection.RANDOM, 0.05, 13, 17))


def age_identity():
    shape, grid = (8, 3), (1, 1)
    spread = [3, 2, *[24, 10] * 2, 30, 6]
    steps = [0.05, 0.1, *[0.02] * 6]
    nonce = public_key(PRIVATE)
    stego = function(shape, 10.0, grid, (12, 9), steps, drawn(shape, grid, spread, 3), nonce)
    key = ss.Identity(IDENTITY).recipient.bind(PRIVATE)
    return with_slots(stego, (key, Selection.KEYED, 0.3, 10, 8))


def extreme_codes():
    """The least and the largest codes and steps, with pictures that do not hang on last bits."""
    steps = [2.0**-15, 2.0**-14, 2.0**-16, 2.0**-40, 2.0**-15, 2.0**9]
    ends = [32767, -32767, 32767]
    codes = [0, [9, -32767, 32767, 0], np.resize([*ends, 0, 1], 16), 32767]
    codes += [np.resize([*ends, -1], 12), [32767, -32767, 0]]
    codes[0] = np.resize([32767, -32767], 8)
    return function((4, 2), 1.0, (1, 1), (6, 5), steps, codes)


def zeros():
    """No codes but 0, so that padding makes up the length."""
    return function((20, 2), 8.0, (1, 1), (3, 3), [0.125] * 6, [0] * 6)


def deepest():
    steps = [0.125] * 130
    codes = drawn((1, 64), (1, 1), [3] * 130, 4)
    return function((1, 64), 30.0, (1, 1), (2, 3), steps, codes)


def least_omega():
    """An omega with an exponent, and steps so large that all starts are 0."""
    return function((1, 2), 1e-05, (1, 1), (1, 1), [8.0] * 2 + [0.5] * 4, [1, -1, 2, -2, 1, 0])


def two_secrets():
    """Trained: a gradient that hides a disk and stripes."""
    y, x = np.mgrid[:16, :16] / 15
    cover = np.stack([x, y, 1 - x], axis=-1)
    disk = np.repeat((np.hypot(x - 0.5, y - 0.5) < 0.35)[..., None], 3, axis=-1).astype(float)
    stripes = np.repeat((x * 4 % 1 < 0.5)[..., None], 3, axis=-1) * [1.0, 0.5, 0.0]
    recipe = ss.FAST.with_steps(150, cover=40)
    keys = {ss.SecretKey(bytes([1]) * 32): disk, ss.SecretKey(bytes([2]) * 32): stripes}
    return ss.hide(cover, keys, recipe=recipe, options=ss.Options(seed=1, threads=1)).stego


def note():
    """Trained: a gradient that hides a file."""
    y, x = np.mgrid[:24, :24] / 23
    cover = np.stack([x, y, 1 - x], axis=-1)
    recipe = ss.FAST.at("high").with_steps(1200)
    secrets = {ss.SecretKey(K): ss.HiddenFile("note.txt", b"meet me at noon, " * 3)}
    return ss.hide(cover, secrets, recipe=recipe, options=ss.Options(seed=1, threads=1)).stego


TRAINED = {"two-secrets": two_secrets, "note": note}


def carriers():
    """All sound ones by name but the trained ones."""
    made = (one_tile, six_tiles, random_selection, age_identity, extreme_codes)
    made += (zeros, deepest, least_omega)
    return {maker.__name__.replace("_", "-"): maker() for maker in made}


def keys():
    """Key files by the carrier's name and whose they are; lines are written in several ways."""
    text = ss.SecretKey(K).to_text()
    other = ss.Identity(bytes(range(32)))
    mine = ss.Identity(IDENTITY)
    pair = f"# {mine.recipient.to_text()}\n\n{other.to_text()}\n \t{mine.to_text()}\n"
    return {
        "one-tile.k.key": text.encode(),
        "one-tile.wrong.key": f"{ss.SecretKey(ENTROPY).to_text()}\n".encode(),
        "six-tiles.k.key": f"# Zo\u00eb's\r\n\r\n{text}\r\n".encode(),
        "six-tiles.wrong.key": f"{ss.SecretKey(ENTROPY).to_text()}\n".encode(),
        "random-selection.k.key": f"\t {text.upper()} \t\n".encode(),
        "age-identity.me.age": pair.encode(),
        "note.k.key": text.encode(),
        "two-secrets.disk.key": f"{ss.SecretKey(bytes([1]) * 32).to_text()}\n".encode(),
        "two-secrets.stripes.key": f"{ss.SecretKey(bytes([2]) * 32).to_text()}\n".encode(),
    }


def refused():
    """What is to be refused, by the file's name."""
    sound = {name: ss.dumps(stego) for name, stego in carriers().items()}
    files = {f"{name}.safetensors": data for name, data in odd_carriers(sound).items()}
    return {**files, **odd_secrets(sound, K), **key_files(ss.SecretKey(K).to_text())}


def unlocked(path, stego):
    """What a key file of accept/ reveals."""
    read = ss.read_identities if path.suffix == ".age" else ss.read_key
    secret = ss.unlock(stego, read(path), force=".wrong." in path.name)
    return ss.render_uint8(secret, (secret.height, secret.width))


def message(path):
    """How the library refuses a file of refuse/."""
    try:
        if path.suffix == ".key":
            ss.read_key(path)
            raise SystemExit(f"{path} is not refused")
        stego = ss.load(path)
        for beside in (path.with_suffix(".key"), path.with_suffix(".age")):
            if beside.exists():
                read = ss.read_identities if beside.suffix == ".age" else ss.read_key
                ss.unlock(stego, read(beside))
    except ss.SirensongError as error:
        return error.message.removeprefix(str(path)).strip()[:60]
    raise SystemExit(f"{path} is not refused")


def main():
    for name, stego in {**carriers(), **{name: make() for name, make in TRAINED.items()}}.items():
        path = HERE / "accept" / f"{name}.safetensors"
        path.write_bytes(ss.dumps(stego))
        to_pil(ss.render_uint8(stego, (stego.height, stego.width))).save(path.with_suffix(".png"))
    for name, data in keys().items():
        path = HERE / "accept" / name
        path.write_bytes(data)
        stego = ss.load(path.parent / f"{name.split('.')[0]}.safetensors")
        to_pil(unlocked(path, stego)).save(path.with_suffix(".png"))
    files = refused()
    for name, data in files.items():
        (HERE / "refuse" / name).write_bytes(data)
    opened = [name for name in sorted(files) if f"{name.split('.')[0]}.safetensors" == name]
    alone = [name for name in files if f"{name.split('.')[0]}.safetensors" not in files]
    found = {name: message(HERE / "refuse" / name) for name in sorted({*opened, *alone})}
    text = json.dumps(found, indent=1, ensure_ascii=False) + "\n"
    (HERE / "refuse" / "messages.json").write_text(text, "utf-8")


if __name__ == "__main__":
    main()
