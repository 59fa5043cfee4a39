"""A second reader, written from docs/format.md alone, agrees with the library on every carrier.

On what to refuse, on every weight to the last bit, and on 8-bit pictures: for the page's own
example, for the files of tests/golden, which no release may read otherwise, and for damaged ones.
"""

import hashlib
import json
import random
import re
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import derivation
import sirensong as ss
from golden import make
from independent import picture
from independent.carrier import read_carrier, start_codes
from independent.codes import RefusedError, frequencies, read_codes, require, table_of
from independent.files import read_file
from independent.texts import bind, read_identities, read_key
from sirensong.carrier import file as file_module
from sirensong.carrier.coding import decode as decode_pieces
from sirensong.carrier.coding import encode

PAGE = (Path(__file__).parents[1] / "docs/format.md").read_text("utf-8")
K, NONCE = bytes(range(32)), bytes(range(32, 64))
ACCEPT, REFUSE = (Path(__file__).parent / "golden" / name for name in ("accept", "refuse"))
SOUND = sorted(path.stem for path in ACCEPT.glob("*.safetensors"))
MESSAGES = json.loads((REFUSE / "messages.json").read_text("utf-8"))
SPREAD = [[0, 1, -1, 8, -20, 0, 2, -3, 5, 12, -1, 0], [3, -3, 0]]


def section(title):
    """What the page says under a heading."""
    _, found = PAGE.split(f"\n### {title} ")
    return re.split(r"\n###? ", found)[0]


def shown(title, name):
    """The hexadecimal bytes beside a name, and below it where a line has no name."""
    first, *others = section(title).split(f"\n    {name}  ")[1].split("\n")
    end = next(index for index, line in enumerate(others) if not line.startswith("     "))
    found = [re.match(r" *((?:(?:[0-9a-f]{2})+ ?)+)", line)[1] for line in [first, *others[:end]]]
    return bytes.fromhex("".join(found))


@pytest.fixture(scope="module")
def decode():
    """The decoder that the page shows, run as it stands there."""
    (source,) = re.findall(r"```python\n(.*?)```", PAGE, re.S)
    assert len(source[source.index("def decode") :].splitlines()) <= 45
    names = {"refuse_if": lambda unsound: require(not unsound, "the page refuses it")}
    exec(source, names)
    return names["decode"]


@pytest.fixture(scope="module")
def example():
    """The carrier of section 10.5, put together from what stands there."""
    text = section("10.5")
    lines = text[text.index("      {") : text.index("\n    steps")].split("\n")
    header = "".join(line[6:] for line in lines)
    slots = bytes(80) + shown("10.5", "slot") + bytes(928)
    ends = shown("10.5", "steps") + shown("10.5", "codes") + NONCE + slots
    return struct.pack("<Q", 416) + f"{header:416}".encode() + ends


class TestThePage:
    """The vectors of docs/format.md that are about carriers."""

    def test_the_carrier(self, example):
        assert f"1,572 bytes, SHA-256 {hashlib.sha256(example).hexdigest()}" in section("10.5")
        assert ss.dumps(ss.loads(example)) == example
        carrier = read_carrier(example)
        assert [code for codes in carrier.codes for code in codes] == list(range(-10, 11))
        assert carrier.digest == ss.loads(example).digest == shown("10.5", "digest")

    def test_its_weights(self, example):
        carrier, said = read_carrier(example), section("10.5")
        matrix, biases = start_codes(30.0, 2, carrier.steps, NONCE, 0)
        assert f"matrix {' '.join(map(str, matrix))}, biases {' '.join(map(str, biases))}" in said
        (first, bias), _, (_, last) = carrier.weights()
        hexes = [
            " ".join(number.tobytes().hex() for number in array.ravel())
            for array in (first, bias, last)
        ]
        assert f"layer 0         matrix {hexes[0]}, biases {hexes[1]}" in said
        assert f"layer 2         biases {hexes[2]}" in said

    def test_its_pictures(self, example):
        carrier, said = read_carrier(example), section("10.5").split("K's positions")
        slot = picture.open_slot(carrier, K)
        assert (slot.selection, slot.units, slot.height, slot.width) == (0, 2500, 1, 2)
        assert slot.digest == carrier.digest[:5]
        pictures = picture.cover(carrier), picture.reveal(carrier, K)
        for pixels, text in zip(pictures, said, strict=True):
            first, second = (" ".join(map(str, pixel)) for pixel in pixels[0].tolist())
            assert re.search(rf"8 bits +{first} +{second}\n", text)

    def test_where_the_first_layer_starts(self):
        steps = [float(np.float32(step)) for step in (0.001, 0.0001)]
        for tile in (0, 1):
            matrix, biases = start_codes(16.0, 28, steps, NONCE, tile)
            digest = hashlib.sha256(struct.pack("<84i", *matrix, *biases)).hexdigest()[:16]
            ends = [f"{' '.join(map(str, x[:4]))} .. {x[-1]}" for x in (matrix, biases)]
            row = f"tile {tile} matrix {ends[0]} biases {ends[1]} SHA-256 {digest}"
            assert row in " ".join(section("10.7").split())
        drawn = derivation.integers(NONCE, NONCE, "start", 0, 4, 4)
        assert "  ".join(f"0x{integer:08x}" for integer in drawn) in section("10.7")

    def test_tables(self):
        rows = re.findall(r"^\| ([\d, ]+) \| `(\w+)` \| ([\d, ]+) \|$", section("10.8"), re.M)
        assert len(rows) == 3
        for counts, table, frequency in rows:
            found = table_of([int(count) for count in counts.split(",")])
            assert found.hex() == table
            assert frequencies(found) == [int(count) for count in frequency.split(",")]

    def test_the_stream(self, decode):
        text = re.search(r"\n    (.*?)\n(?:\Z|\n)", section("10.9") + "\n", re.S)[1]
        lines = [re.match(r" *((?:(?:[0-9a-f]{2})+ ?)+)", line)[1] for line in text.split("\n")]
        data = bytes.fromhex("".join(lines))
        assert encode([np.array(codes, np.int16) for codes in SPREAD]) == data
        assert read_codes(data, [12, 3]) == SPREAD
        assert decode(data, [12, 3]) == [code for codes in SPREAD for code in codes]


def test_the_decoder_of_the_page_reads_several_lanes(decode):
    rng = np.random.default_rng(3)
    codes = [rng.normal(0, 9, 6000).astype(np.int16), rng.normal(0, 300, 5000).astype(np.int16)]
    data = encode(codes)
    assert decode(data, [6000, 5000]) == np.concatenate(codes).tolist()
    assert read_codes(data, [6000, 5000]) == [own.tolist() for own in codes]


def library_decode(data, sizes):
    pieces = list(decode_pieces(np.frombuffer(data, np.uint8), sizes, "song"))
    return np.concatenate([piece.codes for piece in pieces]).tolist()


def flat(data, sizes):
    return [code for codes in read_codes(data, sizes) for code in codes]


def outcome(read, data):
    try:
        return read(data, [12, 3])
    except (RefusedError, ss.FormatError):
        return None


def test_all_decoders_agree_on_every_bit_that_changes(decode):
    data = encode([np.array(codes, np.int16) for codes in SPREAD])
    refused = 0
    for place in range(8 * len(data)):
        damaged = bytearray(data)
        damaged[place // 8] ^= 1 << place % 8
        found = [outcome(read, bytes(damaged)) for read in (decode, flat, library_decode)]
        assert found[0] == found[1] == found[2], place
        refused += found[0] is None
    assert refused == 8 * len(data) - 15  # a raw bit that changes is another number


def as_numbers(pixels):
    return np.asarray(pixels).astype(int)


def assert_alike(pairs):
    """Pictures are the same but for last bits: sums run in another order, and sines differ.

    So a value that lies at a half, nearly, is rounded the other way: by one level, and such values
    are rare.
    """
    differences = np.concatenate([np.abs(as_numbers(a) - as_numbers(b)).ravel() for a, b in pairs])
    assert differences.max() <= 1
    assert np.count_nonzero(differences) <= 0.001 * len(differences)


def assert_same_numbers(carrier, stego):
    """Two readers have found the same, to the last bit."""
    assert carrier.digest == stego.digest
    for mine, theirs in zip(carrier.weights(), stego.weights, strict=True):
        for here, there in zip(mine, theirs, strict=True):
            assert (here.shape, here.tobytes()) == (there.shape, there.tobytes())


def library_reveals(stego, path):
    read = ss.read_identities if path.suffix == ".age" else ss.read_key
    secret = ss.unlock(stego, read(path), force=".wrong." in path.name)
    return ss.render_uint8(secret, (secret.height, secret.width))


def second_reader_reveals(carrier, path):
    if path.suffix == ".key":
        return picture.reveal(carrier, read_key(path.read_bytes()), force=".wrong." in path.name)
    for identity in read_identities(path.read_bytes()):
        try:
            return picture.reveal(carrier, bind(identity, carrier.nonce))
        except picture.NoPictureError:
            continue
    raise picture.NoPictureError


class TestSoundFiles:
    @pytest.mark.parametrize("name", SOUND)
    def test_both_readers_find_the_same_numbers(self, name):
        data = (ACCEPT / f"{name}.safetensors").read_bytes()
        stego = ss.loads(data)
        assert_same_numbers(read_carrier(data), stego)
        assert ss.dumps(stego) == data

    def test_all_pictures_are_those_that_are_stored(self):
        stored, library, second = [], [], []
        for name in SOUND:
            path = ACCEPT / f"{name}.safetensors"
            stego, carrier = ss.load(path), read_carrier(path.read_bytes())
            stored.append(Image.open(path.with_suffix(".png")))
            library.append(ss.render_uint8(stego, (stego.height, stego.width)))
            second.append(picture.cover(carrier))
            for key in sorted({*ACCEPT.glob(f"{name}.*.key"), *ACCEPT.glob(f"{name}.*.age")}):
                stored.append(Image.open(key.with_suffix(".png")))
                library.append(library_reveals(stego, key))
                second.append(second_reader_reveals(carrier, key))
        assert len(stored) == 19
        assert_alike(zip(library, stored, strict=True))
        assert_alike(zip(second, stored, strict=True))

    def test_they_are_what_the_script_makes(self):
        made = {f"{name}.safetensors": ss.dumps(stego) for name, stego in make.carriers().items()}
        for name, data in {**made, **make.keys()}.items():
            assert (ACCEPT / name).read_bytes() == data, name

    def test_the_trained_one_shows_what_was_hidden(self):
        stripes = as_numbers(Image.open(ACCEPT / "two-secrets.stripes.png"))
        assert stripes[:, 0, 0].mean() > 200 > 50 > stripes[:, 2, 0].mean()

    def test_both_readers_find_the_file(self):
        path = ACCEPT / "note.safetensors"
        expected = "note.txt", b"meet me at noon, " * 3
        found = ss.reveal_file(ss.load(path), ss.read_key(ACCEPT / "note.k.key"))
        assert (found.name, found.content) == expected
        assert read_file(read_carrier(path.read_bytes()), K) == expected

    def test_a_picture_is_no_file_to_the_second_reader(self):
        carrier = read_carrier((ACCEPT / "one-tile.safetensors").read_bytes())
        with pytest.raises(RefusedError):
            read_file(carrier, K)

    def test_several_lanes(self):
        stego = make.function(
            *((40, 4), 20.0, (1, 2), (8, 16), [0.05] * 10),
            make.drawn((40, 4), (1, 2), [3, 2, *[9, 4] * 4], 5),
        )
        data = ss.dumps(stego)
        assert_same_numbers(read_carrier(data), ss.loads(data))
        assert stego.parameters > 2 * 4096


def second_reader_opens(path):
    """Read a file of refuse/, with the key beside it if there is one."""
    if path.suffix == ".key":
        return read_key(path.read_bytes())
    carrier = read_carrier(path.read_bytes())
    (beside,) = (*REFUSE.glob(f"{path.stem}.key"), *REFUSE.glob(f"{path.stem}.age"))
    return second_reader_reveals(carrier, beside)


class TestOddFiles:
    def test_they_are_what_the_script_makes(self):
        made = make.refused()
        found = {path.name for path in REFUSE.iterdir()}
        assert found == {*made, "messages.json"}
        for name, data in made.items():
            assert (REFUSE / name).read_bytes() == data, name
        assert len(MESSAGES) >= 100

    @pytest.mark.parametrize("name", MESSAGES)
    def test_both_readers_refuse_them(self, name):
        path = REFUSE / name
        assert make.message(path) == MESSAGES[name]
        with pytest.raises((RefusedError, picture.NoPictureError)):
            second_reader_opens(path)


def test_no_room_is_made_for_weights_that_a_file_does_not_have(monkeypatch):
    """A file of 2 kB may say that it has a million tiles."""

    def empty_weights(*_):
        raise AssertionError("the codes were not looked at")

    monkeypatch.setattr(file_module, "empty_weights", empty_weights)
    with pytest.raises(ss.FormatError, match="its codes must be 68 bytes, then zeros up to 209"):
        ss.load(REFUSE / "more-weights-than-codes.safetensors")


def mutation(data, rng):
    """Damage one thing, mostly before the nonce: what follows it may be anything."""
    data, end = bytearray(data), len(data) - rng.choice([1056, 1056, 1056, 0])
    (length,) = struct.unpack_from("<Q", data)
    start = rng.choice([0, 8 + length, 8 + length])
    at = rng.randrange(start, max(end, start + 1))
    kind = rng.randrange(6)
    if kind < 3:
        data[at] ^= 1 << rng.randrange(8)
    elif kind == 3:
        data[at] = rng.choice([0, 1, 48, 127, 128, 255])
    elif kind == 4:
        del data[at : at + rng.randrange(1, 5)]
        data += bytes(rng.choice([0, 1, 4]))
    else:
        other = rng.randrange(start, max(end, start + 1))
        data[at], data[other] = data[other], data[at]
    return bytes(data)


def read_by_both(data):
    """What each reader makes of a carrier: (second, library), None where it is refused."""
    try:
        carrier = read_carrier(data)
    except RefusedError:
        carrier = None
    try:
        stego = ss.loads(data)
    except ss.FormatError:
        stego = None
    return carrier, stego


@pytest.mark.parametrize("count", [100, pytest.param(1000, marks=pytest.mark.slow)])
def test_both_readers_agree_on_damaged_carriers(count):
    """Pictures are compared where the steps are as they were: wild weights let last bits grow."""
    rng = random.Random(20)
    sources = [(ACCEPT / f"{name}.safetensors").read_bytes() for name in SOUND]
    steps = {read_carrier(data).steps for data in sources}
    accepted, covers = 0, []
    for index in range(count):
        data = mutation(rng.choice(sources), rng)
        carrier, stego = read_by_both(data)
        assert (carrier is None) == (stego is None), index
        if carrier is not None:
            accepted += 1
            assert_same_numbers(carrier, stego)
            assert ss.dumps(stego) == data
            if carrier.steps in steps:
                size = stego.height, stego.width
                covers.append((picture.cover(carrier), ss.render_uint8(stego, size)))
    assert count / 6 < accepted < count * 5 / 6
    assert len(covers) > count / 10
    assert_alike(covers)
