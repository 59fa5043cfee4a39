"""A hidden file's way: name and content, envelope, code, samples, and all of it together."""

import zlib

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from reedsolo import RSCodec

from sirensong.errors import FormatError, SettingError
from sirensong.keys.secret import SecretKey
from sirensong.payload import code, envelope, samples
from sirensong.payload.content import LARGEST_CONTENT, LONGEST_NAME, HiddenFile, safe_name
from sirensong.payload.payload import Layout, Payload, layout_for
from sirensong.payload.samples import MODULATIONS, Modulation

KEY, OTHER = SecretKey(bytes(range(32))), SecretKey(bytes(range(1, 33)))
NONCE = bytes(range(50, 82))

modulations = st.sampled_from(MODULATIONS)


# ----- name and content


@given(st.text(max_size=300), st.binary(max_size=400))
def test_a_file_is_unpacked_as_it_was_packed(name, content):
    file = HiddenFile(name, content)
    assert HiddenFile.unpack(file.packed) == file


def test_content_is_compressed_only_where_that_is_shorter():
    assert len(HiddenFile("a", bytes(1000)).packed) < 40
    noise = np.random.default_rng(0).bytes(1000)
    assert len(HiddenFile("a", noise).packed) == 1000 + 6 + 1
    packed = HiddenFile("ab", b"x" * 99).packed
    assert (packed[0], packed[1], packed[2:6], packed[6:8]) == (1, 2, b"\x63\0\0\0", b"ab")
    assert zlib.decompress(packed[8:]) == b"x" * 99


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("letter.pdf", "letter.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\a.txt", "a.txt"),
        ("a/b/", "secret.bin"),
        ("..", "secret.bin"),
        (".", "secret.bin"),
        ("", "secret.bin"),
        (".bashrc", "bashrc"),
        ("a\0b\n\x1bc", "a_b__c"),
        ('a:b*c?"<>|', "a_b_c_____"),
        ("ends. ", "ends"),
        ("CON", "_CON"),
        ("nul.txt", "_nul.txt"),
        ("\u202egnp.exe", "_gnp.exe"),
        ("\ud800.txt", "_.txt"),
    ],
)
def test_names_are_safe_in_any_folder(given, written):
    assert safe_name(given) == written


@given(st.text(max_size=400))
def test_a_name_stays_in_its_folder(name):
    safe = safe_name(name)
    assert 1 <= len(safe.encode()) <= LONGEST_NAME
    assert not set(safe) & set('/\\\0\n\r:*?"<>|')
    assert safe not in (".", "..")
    assert safe_name(safe) == safe


def test_a_long_name_keeps_its_ending():
    assert safe_name("é" * 300 + ".pdf") == "é" * 98 + ".pdf"


def test_content_is_bytes_and_not_endless():
    with pytest.raises(SettingError, match="a content, bytes"):
        HiddenFile("a", "text")
    with pytest.raises(SettingError, match="a name, a str"):
        HiddenFile(b"a", b"")


def packed(method=0, name=b"a", length=3, body=b"abc"):
    return bytes([method, len(name)]) + length.to_bytes(4, "little") + name + body


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "head"),
        (packed()[:5], "head"),
        (packed(method=2), "head"),
        (b"\0\x09" + packed()[2:], "head"),
        (packed(length=4), "has 3 bytes, expected 4"),
        (packed(length=2), "has 3 bytes, expected 2"),
        (packed(method=1), "damaged where it is compressed"),
        (packed(1, length=5, body=zlib.compress(b"abc")), "has 3 bytes, expected 5"),
        (packed(length=LARGEST_CONTENT + 1), "expected at most"),
    ],
)
def test_a_damaged_file_is_one_line_of_error(data, told):
    with pytest.raises(FormatError, match=told) as caught:
        HiddenFile.unpack(data)
    assert "\n" not in caught.value.message


def test_a_small_payload_cannot_fill_the_memory():
    bomb = packed(1, length=1000, body=zlib.compress(bytes(10**7)))
    with pytest.raises(FormatError, match="has 1001 bytes, expected 1000"):
        HiddenFile.unpack(bomb)


def test_the_repr_shows_no_content():
    assert "noon" not in repr(HiddenFile("a.txt", b"noon"))


# ----- envelope


@given(st.binary(max_size=100), st.integers(0, 50))
def test_an_envelope_is_as_long_as_its_room_and_opens(content, more):
    room = len(content) + envelope.OVERHEAD + more
    sealed = envelope.seal(KEY, NONCE, content, room)
    assert len(sealed) == room
    assert envelope.unseal(KEY, NONCE, sealed) == content


def test_an_envelope_of_another_key_carrier_or_bit_does_not_open():
    sealed = envelope.seal(KEY, NONCE, b"content", 60)
    flipped = [bytes(byte ^ (place == at) for place, byte in enumerate(sealed)) for at in (0, 59)]
    tries = [(OTHER, NONCE, sealed), (KEY, bytes(32), sealed), (KEY, NONCE, sealed[:-1])]
    tries += [(KEY, NONCE, one) for one in flipped] + [(KEY, NONCE, b"")]
    for key, nonce, data in tries:
        with pytest.raises(FormatError, match="altered"):
            envelope.unseal(key, nonce, data)


def test_too_much_for_an_envelope_is_refused():
    with pytest.raises(SettingError, match="41 bytes are too many: 40 fit"):
        envelope.seal(KEY, NONCE, bytes(41), 40 + envelope.OVERHEAD)


# ----- code


@given(st.integers(0, 2000))
def test_lengths_of_code_and_data_agree(data):
    coded = code.coded_bytes(data)
    assert code.data_bytes(coded) == data
    assert all(code.data_bytes(less) < data for less in range(max(0, coded - 40), coded))


def test_a_short_code_is_the_library_s():
    data = bytes(range(100))
    assert code.encode(data, 132) == bytes(RSCodec(32).encode(data))


@given(st.integers(1, 900), st.integers(0, 2**31))
def test_sixteen_wrong_bytes_of_each_word_are_mended(length, seed):
    rng = np.random.default_rng(seed)
    data, coded = rng.bytes(length), code.coded_bytes(length)
    stream = np.frombuffer(code.encode(data, coded), np.uint8).copy()
    words = -(-coded // 255)
    burst = slice(0, 16 * words) if coded >= 16 * words else slice(0, 0)
    stream[burst] ^= 255  # one burst, of which each word has its share
    found, mended = code.decode(stream.tobytes())
    assert found == data
    assert mended == 16 * words


def test_more_wrong_bytes_than_the_code_can_mend_are_an_error():
    stream = bytearray(code.encode(bytes(400), 400 + 64))
    for place in range(0, 40, 2):
        stream[place] ^= 1
    with pytest.raises(FormatError, match="too many of its samples are wrong"):
        code.decode(bytes(stream))


# ----- samples


@given(modulations, st.integers(1, 12), st.integers(1, 12), st.integers(0, 2**31))
def test_a_picture_of_samples_is_read_back(modulation, height, width, seed):
    size = height, width
    stream = np.random.default_rng(seed).bytes(samples.coded_bytes(size, modulation))
    assume(stream)
    picture = samples.to_picture(stream, size, modulation, KEY, NONCE)
    assert picture.shape == (height, width, 3)
    assert set(np.unique(picture)) <= set(np.rint(modulation.values).astype(int))
    render = (picture / 255).astype(np.float32)
    assert samples.from_picture(render, modulation, KEY, NONCE) == stream


@pytest.mark.parametrize("modulation", MODULATIONS)
def test_less_than_half_a_step_is_no_error_and_more_is_one(modulation):
    size = (16, 16)
    stream = np.random.default_rng(0).bytes(samples.coded_bytes(size, modulation))
    picture = samples.to_picture(stream, size, modulation, KEY, NONCE).astype(np.float64)
    rng = np.random.default_rng(1)
    sign = rng.choice([-1, 1], picture.shape)
    near = picture + sign * (modulation.step / 2 - 1)
    assert samples.from_picture(np.float32(near / 255), modulation, KEY, NONCE) == stream
    far = picture + sign * (modulation.step / 2 + 1)
    assert samples.from_picture(np.float32(far / 255), modulation, KEY, NONCE) != stream


@pytest.mark.parametrize("modulation", MODULATIONS)
def test_a_wrong_neighbour_is_one_wrong_bit(modulation):
    """Gray's code: values that are next to each other differ in a bit."""
    count = 2**modulation.bits
    size = (4, 4)
    stream = bytes(range(0, 256, 5))[: samples.coded_bytes(size, modulation)]
    stream = stream.ljust(samples.coded_bytes(size, modulation), b"\x5a")
    picture = samples.to_picture(stream, size, modulation, KEY, NONCE).astype(np.float64)
    for place in range(picture.size):
        moved = picture.ravel().copy()
        up = moved[place] < modulation.values[count // 2]
        moved[place] += modulation.step if up else -modulation.step
        read = samples.from_picture(
            np.float32(moved.reshape(picture.shape) / 255), modulation, KEY, NONCE
        )
        bits = np.unpackbits(np.frombuffer(read, np.uint8) ^ np.frombuffer(stream, np.uint8))
        assert bits.sum() == 1


def test_last_bits_of_a_render_do_not_matter():
    """Other processors add in another order; values are whole 255ths before they are judged."""
    modulation, size = Modulation(2, 16), (24, 24)
    stream = np.random.default_rng(0).bytes(samples.coded_bytes(size, modulation))
    picture = samples.to_picture(stream, size, modulation, KEY, NONCE)
    render = np.float32(picture / 255)
    rng = np.random.default_rng(2)
    other = render * (1 + rng.uniform(-1e-6, 1e-6, render.shape).astype(np.float32))
    assert not np.array_equal(render, other)
    assert samples.from_picture(other, modulation, KEY, NONCE) == stream


def test_the_order_of_samples_is_the_keys():
    modulation, size = Modulation(2, 16), (8, 8)
    stream = np.random.default_rng(0).bytes(48)
    pictures = [
        samples.to_picture(stream, size, modulation, key, nonce)
        for key, nonce in ((KEY, NONCE), (OTHER, NONCE), (KEY, bytes(32)))
    ]
    assert not np.array_equal(pictures[0], pictures[1])
    assert not np.array_equal(pictures[0], pictures[2])


def test_values_are_around_the_middle_and_within_the_range():
    assert Modulation(2, 16).values.tolist() == [103.5, 119.5, 135.5, 151.5]
    for modulation in MODULATIONS:
        assert 0 <= modulation.values[0] <= modulation.values[-1] <= 255
    assert len(set(MODULATIONS)) == len(MODULATIONS) == 14


# ----- all of it


@given(modulations, st.binary(max_size=1500), st.integers(2, 5), st.integers(2, 5))
def test_a_file_fits_the_smallest_layout_and_comes_back(modulation, content, high, wide):
    file = HiddenFile("a.bin", content)
    layout = layout_for(len(file.packed), modulation, (100 * high, 100 * wide), (3, 4))
    assert layout.modulation == modulation
    assert layout.size[0] >= 3
    assert layout.size[1] >= 4
    picture = Payload(file, layout).picture(KEY, NONCE)
    assert picture.shape[:2] == layout.size
    assert layout.read(np.float32(picture / 255), KEY, NONCE) == (file, 0)


def test_a_layout_has_the_covers_shape():
    layout = layout_for(5000, Modulation(2, 16), (100, 400), (1, 1))
    height, width = layout.size
    assert width / height == pytest.approx(4, rel=0.1)
    assert 5000 <= layout.room < 5000 + 2 * (width * 3 * 2 // 8 + 64)


def test_a_file_that_is_too_large_for_its_layout_is_refused():
    with pytest.raises(SettingError, match=r"a.bin takes 1011 bytes, where \d+ fit"):
        Payload(HiddenFile("a.bin", np.random.default_rng(0).bytes(1000)), Layout(8, (20, 20)))


def test_noise_within_the_codes_reach_is_mended():
    file = HiddenFile("a.bin", np.random.default_rng(0).bytes(2000))
    layout = layout_for(2007, Modulation(2, 16), (64, 64), (1, 1))
    picture = Payload(file, layout).picture(KEY, NONCE) / 255
    rng = np.random.default_rng(1)
    noisy = np.float32(picture + rng.normal(0, 3.0 / 255, picture.shape))
    found, mended = layout.read(noisy, KEY, NONCE)
    assert found == file
    assert mended > 0
    with pytest.raises(FormatError, match="too many"):
        layout.read(np.float32(picture + rng.normal(0, 8.0 / 255, picture.shape)), KEY, NONCE)


def test_a_layout_without_room_reads_nothing():
    layout = Layout(1, (1, 1))
    assert layout.room == 0
    with pytest.raises(FormatError, match="altered"):
        layout.read(np.zeros((1, 1, 3), np.float32), KEY, NONCE)
