"""The codes of a carrier: what docs/format.md says, bit by bit, and no other bytes."""

import struct
import tracemalloc
from collections import Counter
from fractions import Fraction
from itertools import product
from math import ceil, e, log2, pi

import constriction
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sirensong.carrier import coding
from sirensong.carrier.coding import decode, encode
from sirensong.carrier.tables import WIDTH, buckets, frequencies, table_bytes
from sirensong.errors import FormatError, SettingError

# A second writer and a second reader, one number at a time, from the page alone. No integer of
# theirs is beyond 32 bits, as in a browser.


def u32(number):
    assert 0 <= number < 2**32
    return number


def bucket_of(magnitude):
    """A magnitude's bucket, how many low bits it has, and these."""
    if magnitude < 8:
        return magnitude, 0, 0
    exponent = magnitude.bit_length() - 1
    bucket = 8 + 4 * (exponent - 3) + (magnitude >> (exponent - 2)) % 4
    return bucket, exponent - 2, magnitude % 2 ** (exponent - 2)


def share(byte):
    return (16 + byte % 16) * 2 ** (byte // 16) if byte else 0


def scalar_table(counts):
    def byte(count):
        wanted = Fraction(share(255) * count, max(counts))
        below = max((byte for byte in range(1, 256) if share(byte) <= wanted), default=1)
        above = min(below + 1, 255)
        return above if share(above) / wanted <= wanted / share(below) else below

    return bytes(byte(count) if count else 0 for count in counts)


def scalar_frequencies(table):
    total = u32(sum(map(share, table)))
    found = [max(1, u32(share(byte) * 4096) // total) if byte else 0 for byte in table]
    found[found.index(max(found))] += 4096 - sum(found)
    return found


def scalar_write(tensors, lanes):
    states, words, bits, tables = [2**16] * lanes, [], "", []
    for codes in tensors:
        counts = Counter(bucket_of(abs(code))[0] for code in codes)
        tables.append(scalar_table([counts[bucket] for bucket in range(max(counts) + 1)]))
        for code in codes:
            _, width, low = bucket_of(abs(code))
            bits += f"{int(code < 0)}" if code else ""
            bits += f"{low:0{width}b}" if width else ""
    for codes, table in reversed(list(zip(tensors, tables, strict=True))):
        found = scalar_frequencies(table)
        for index in reversed(range(len(codes))):
            bucket, x = bucket_of(abs(codes[index]))[0], states[index % lanes]
            if x >= found[bucket] * 2**20:
                words.insert(0, x % 2**16)
                x //= 2**16
            quotient, rest = divmod(x, found[bucket])
            states[index % lanes] = u32(quotient * 4096 + sum(found[:bucket]) + rest)
    bits += "0" * (-len(bits) % 8)
    raw = bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits), 8))
    return assemble(states, words, tables, raw, sum(map(len, tensors)))


def assemble(states, words, tables, raw, numbers, counts=None):
    """A stream of such parts, or with other counts of words and raw bytes than they have."""
    data = struct.pack("<II", *(counts or (len(words), len(raw))))
    data += struct.pack(f"<{len(states)}I{len(words)}H", *states, *words)
    data += b"".join(bytes([len(table)]) + table for table in tables) + raw
    return data + bytes(max(0, ceil(numbers / 16) - len(data)))


def parts(data, sizes, lanes):
    """The parts that `assemble` takes."""
    word_count, raw_count = struct.unpack_from("<II", data)
    states = list(struct.unpack_from(f"<{lanes}I", data, 8))
    words = list(struct.unpack_from(f"<{word_count}H", data, 8 + 4 * lanes))
    at, tables = 8 + 4 * lanes + 2 * word_count, []
    for _ in sizes:
        tables.append(data[at + 1 : at + 1 + data[at]])
        at += 1 + data[at]
    return [states, words, tables, data[at : at + raw_count], sum(sizes)]


def scalar_read(data, sizes, lanes):
    states, words, tables, raw, _ = parts(data, sizes, lanes)
    words = iter(words)
    bits = iter("".join(f"{byte:08b}" for byte in raw))
    tensors = []
    for size, table in zip(sizes, tables, strict=True):
        found, codes = scalar_frequencies(table), []
        for index in range(size):
            rank, bucket = states[index % lanes] % 4096, 0
            while rank >= found[bucket]:
                rank -= found[bucket]
                bucket += 1
            x = u32(found[bucket] * (states[index % lanes] >> 12) + rank)
            states[index % lanes] = x if x >= 2**16 else u32(x << 16 | next(words))
            width = 0 if bucket < 8 else (bucket - 8) // 4 + 1
            magnitude = bucket if bucket < 8 else 4 + bucket % 4
            sign = -1 if bucket and next(bits) == "1" else 1
            for _ in range(width):
                magnitude = magnitude << 1 | int(next(bits))
            codes.append(sign * magnitude)
        tensors.append(codes)
    assert set(states) == {2**16}
    assert not list(words)
    assert len(rest := list(bits)) < 8
    assert "1" not in rest
    return tensors


def read(data, sizes):
    """Decode, and put the pieces together, which must follow each other."""
    tensors, done = [np.zeros(size, np.int16) for size in sizes], 0
    for piece in decode(np.frombuffer(data, np.uint8), sizes, "song"):
        assert sum(sizes[: piece.tensor]) + piece.start == done
        assert piece.codes.dtype == np.int16
        tensors[piece.tensor][piece.start : piece.start + len(piece.codes)] = piece.codes
        done += len(piece.codes)
    assert done == sum(sizes)
    return [codes.tolist() for codes in tensors]


def assert_reads_back(tensors):
    expected = [codes.ravel().tolist() for codes in tensors]
    assert read(encode(tensors), list(map(len, expected))) == expected


def normal(sigma, tiles, features=26, hidden=7):
    """Codes as those of a trained carrier, nearly: 4371 for each tile."""
    generator = np.random.default_rng(1)
    weights = [(features, 2), *[(features, features)] * (hidden - 1), (3, features)]
    shapes = [shape for out, into in weights for shape in ((tiles, out, into), (tiles, out))]
    return [np.rint(generator.normal(0, sigma, shape)).astype(np.int16) for shape in shapes]


@pytest.fixture(params=[(4096, 4096, 2**16), (5, 8, 32), (7, 1, 1), (3, 40, 10)])
def lanes(request, monkeypatch):
    """Counts lanes: as they are, and so that few numbers have several, and several pieces."""
    most, numbers_a_lane, piece = request.param
    monkeypatch.setattr(coding, "_LANES", most)
    monkeypatch.setattr(coding, "_NUMBERS_A_LANE", numbers_a_lane)
    monkeypatch.setattr(coding, "_PIECE", piece)
    return lambda numbers: min(most, ceil(numbers / numbers_a_lane))


# Tensors by their sizes and deviations.
TENSORS = st.lists(
    st.tuples(st.integers(1, 200), st.sampled_from([0, 0.5, 3, 40, 5000, 30_000])),
    min_size=1,
    max_size=4,
)


def tensors_of(description, seed):
    generator = np.random.default_rng(seed)
    return [
        np.clip(np.rint(generator.normal(0, sigma, size)), -32767, 32767).astype(np.int16)
        for size, sigma in description
    ]


def test_the_stream_is_that_of_the_page(lanes):
    @given(TENSORS, st.integers(0, 2**32 - 1))
    def agree(description, seed):
        tensors = tensors_of(description, seed)
        sizes, expected = list(map(len, tensors)), [codes.tolist() for codes in tensors]
        data = encode(tensors)
        assert data == scalar_write(expected, lanes(sum(sizes)))
        assert scalar_read(data, sizes, lanes(sum(sizes))) == expected
        assert read(data, sizes) == expected

    agree()


@pytest.mark.parametrize(
    "shape", [(1,), (1, 1, 1), (7,), (3, 5), (2, 3, 4), (70_001,), (1, 300, 9)]
)
def test_codes_of_any_shape_read_back(shape):
    codes = np.random.default_rng(2).integers(-90, 90, shape, np.int16)
    assert_reads_back([codes, codes.T, codes[::-1]])


@pytest.mark.parametrize(
    ("code", "count"),
    [(code, 4097) for code in (0, 1, -1, 7, 8, -9, 300, 32767, -32767)]
    + [(code, count) for code in (-9, 300) for count in (1, 2, 4095, 4096, 70_000)],
)
def test_one_bucket_takes_no_words(code, count):
    tensors = [np.full(count, code, np.int16)]
    assert_reads_back(tensors)
    assert encode(tensors)[:4] == bytes(4)


def test_the_extremes_read_back():
    assert_reads_back([np.array([32767, -32767, 0, -1, 1, -32767, 16384, 16383], np.int16)])
    assert_reads_back([np.arange(-32767, 32768, dtype=np.int16)])


@pytest.mark.parametrize(("tiles", "sigma"), [(1, 40), (16, 3), (16, 12), (64, 40), (256, 300)])
def test_codes_of_a_carrier_read_back(tiles, sigma):
    assert_reads_back(normal(sigma, tiles, hidden=3))


def test_many_lanes_read_back(monkeypatch):
    """4096 of them, the last round of a tensor in some, and several pieces."""
    monkeypatch.setattr(coding, "_NUMBERS_A_LANE", 16)
    generator = np.random.default_rng(3)
    sizes = (4096 * 20 + 17, 4096 * 16, 5)
    assert_reads_back([generator.integers(-20, 20, size, np.int16) for size in sizes])


@pytest.mark.parametrize(
    ("numbers", "lanes"), [(4096, 1), (4097, 2), (4095 * 4096 + 1, 4096), (4096**2 + 1, 4096)]
)
def test_a_lane_has_4096_numbers_until_there_are_4096_lanes(numbers, lanes):
    data = assemble([2**16] * lanes, [], [b"\xff"], b"", numbers)
    first = next(decode(np.frombuffer(data, np.uint8), [numbers], "song"))
    assert (first.tensor, first.start) == (0, 0)
    assert not first.codes.any()
    for states in ([2**16] * (lanes - 1) + [0], [2**16] * (lanes - 1)):
        refused(assemble(states, [], [b"\xff"], b"", numbers), [numbers])


def test_codes_are_read_from_a_file_that_cannot_be_written(tmp_path):
    tensors = normal(5, 2)
    (tmp_path / "codes").write_bytes(b"odd" + encode(tensors))
    data = np.memmap(tmp_path / "codes", np.uint8, "r")[3:]  # words at odd addresses, too
    codes = [piece.codes for piece in decode(data, [tensor.size for tensor in tensors], "song")]
    np.testing.assert_array_equal(
        np.concatenate(codes), np.concatenate([tensor.ravel() for tensor in tensors])
    )


def test_a_small_stream():
    """Written by `scalar_write`; the raw bits were checked by hand. docs/format.md shows it too."""
    tensors = [[0, 1, -1, 8, -20, 0, 2, -3, 5, 12, -1, 0], [3, -3, 0]]
    data = bytes.fromhex(
        "02000000 02000000 75731300"  # two words, two raw bytes, one state
        "163c a36a"
        "0e ffffe5e500e50000e500e50000e5"  # the tables
        "04 ef0000ff"
        "488a"
    )
    assert scalar_write(tensors, 1) == data
    assert encode([np.array(codes, np.int16) for codes in tensors]) == data
    assert read(data, [12, 3]) == tensors


def test_minus_32768_is_refused():
    with pytest.raises(SettingError, match="codes must be -32767 to 32767, got -32768"):
        encode([np.array([3, -32768], np.int16)])


def test_every_magnitude_has_the_bucket_of_the_page():
    found = buckets(np.arange(32768, dtype=np.int16))
    expected = [bucket_of(magnitude)[:2] for magnitude in range(32768)]
    assert found.tolist() == [bucket for bucket, _ in expected]
    assert WIDTH[found].tolist() == [
        width + (magnitude > 0) for magnitude, (_, width) in enumerate(expected)
    ]
    np.testing.assert_array_equal(buckets(np.arange(-32767, 1, dtype=np.int16)), found[::-1])


COUNTS = st.one_of(st.just(0), st.integers(1, 40), st.integers(1, 2**40))


@given(st.lists(COUNTS, max_size=55), st.integers(1, 2**40))
def test_a_table_has_the_nearest_shares(counts, last):
    counts.append(last)
    assert table_bytes(np.array(counts)) == scalar_table(counts)


@pytest.mark.parametrize(("count", "byte"), [(32_984, 16), (32_985, 17)])
def test_between_two_shares_their_geometric_mean_decides(count, byte):
    """Shares of 32 and 34, whose mean is 32.9848."""
    assert list(table_bytes(np.array([share(255) * 1000, count]))) == [255, byte]


@given(st.binary(max_size=55), st.integers(1, 255))
def test_frequencies_are_those_of_the_page(table, last):
    table += bytes([last])
    found = frequencies(table).tolist()
    assert found == scalar_frequencies(table)
    assert sum(found) == 4096
    assert [f > 0 for f in found] == [byte > 0 for byte in table]


@pytest.mark.parametrize("byte", [1, 255])
def test_the_longest_table_of_one_byte_is_within_32_bits(byte):
    assert frequencies(bytes([byte] * 56)).tolist() == [73 + 4096 - 56 * 73, *[73] * 55]


def entropy(counts):
    """Bits of all symbols that occur so often."""
    counts = counts[counts > 0]
    return float((counts * np.log2(counts.sum() / counts)).sum())


@pytest.mark.parametrize(("tiles", "sigma"), list(product([16, 64], [3, 8, 20, 40])))
def test_the_size_is_the_entropy_nearly(tiles, sigma):
    """Buckets, raw bits and lanes by themselves, then all with the tables.

    The first is against the entropy of the buckets that there are, the second against that of the
    normal distribution.
    """
    tensors = normal(sigma, tiles)
    sizes = [codes.size for codes in tensors]
    lanes = ceil(sum(sizes) / 4096)
    data = encode(tensors)
    states, words, tables, raw, _ = parts(data, sizes, lanes)
    found = [buckets(codes).ravel() for codes in tensors]
    information = sum(entropy(np.bincount(bucket)) for bucket in found)
    assert 16 * len(words) + 16 * lanes <= 1.01 * information
    assert len(raw) == ceil(sum(WIDTH[bucket].sum() for bucket in found) / 8)
    assert 32 * len(states) + 8 * sum(1 + len(table) for table in tables) < 8 * 1000
    assert 8 * len(data) <= 1.02 * sum(sizes) * log2(sigma * (2 * pi * e) ** 0.5)


@pytest.mark.parametrize("sigma", [1, 3, 12, 40])
def test_words_are_as_many_as_another_coder_makes(sigma):
    """constriction's has one state of 64 bits and words of 32, and the same model."""
    codes = np.rint(np.random.default_rng(4).normal(0, sigma, 100_000)).astype(np.int16)
    states, words, tables, _, _ = parts(encode([codes]), [codes.size], 25)
    model = constriction.stream.model.Categorical(
        np.array(scalar_frequencies(tables[0])) / 4096, perfect=False
    )
    other = constriction.stream.stack.AnsCoder()
    other.encode_reverse(buckets(codes).astype(np.int32), model)
    # A lane begins with 2**16, which holds nothing.
    ours = 16 * len(words) + sum(log2(state / 2**16) for state in states)
    assert ours == pytest.approx(other.num_bits(), rel=0.001)


# What is hostile: a stream of one lane, as its parts, and one damage to each.
SMALL = normal(12, 1, features=4, hidden=2)
SIZES = [codes.size for codes in SMALL]
DATA = encode(SMALL)


def refused(data, sizes=SIZES):
    """The one line that a damaged stream is refused with."""
    with pytest.raises(FormatError) as caught:
        for _ in decode(np.frombuffer(data, np.uint8), sizes, "song"):
            pass
    (line,) = str(caught.value).splitlines()
    start = "song is damaged: its codes "
    assert line.startswith(start)
    return line.removeprefix(start)


def damaged(**changes):
    names = ("states", "words", "tables", "raw", "numbers")
    return assemble(**dict(zip(names, parts(DATA, SIZES, 1), strict=True)) | changes)


def test_the_small_stream_is_sound():
    assert damaged() == DATA
    assert read(DATA, SIZES) == [codes.ravel().tolist() for codes in SMALL]


def test_words_are_neither_missing_nor_left_over():
    words = parts(DATA, SIZES, 1)[1]
    count = len(words)
    assert refused(damaged(words=words[:-1])) == f"need more than the {count - 1} words there are"
    assert refused(damaged(words=[*words, 0])).startswith(f"use {count} of {count + 1} words")


def test_states_end_where_a_writer_began():
    """Those of a tensor of one bucket never change."""
    assert read(assemble([2**16], [], [b"\xff"], b"", 3), [3]) == [[0, 0, 0]]
    for state in (2**16 + 1, 2**32 - 1):
        assert refused(assemble([state], [], [b"\xff"], b"", 3), [3]) == (
            "use 0 of 0 words, and end with 1 states that are not 65536"
        )


def test_states_begin_in_their_range():
    assert refused(damaged(states=[2**16 - 1])) == (
        "must begin with states of 65536 at least, got 65535"
    )


def test_raw_bytes_are_neither_missing_nor_left_over_and_end_in_zeros():
    raw = parts(DATA, SIZES, 1)[3]
    used = sum(int(WIDTH[buckets(codes)].sum()) for codes in SMALL)
    spare = -used % 8
    assert spare > 0
    assert (
        refused(damaged(raw=raw[:-1])) == f"need more than the {len(raw) - 1} raw bytes there are"
    )
    assert refused(damaged(raw=raw + b"\0")).startswith(f"leave {spare + 8} raw bits")
    for bit in range(spare):
        last = bytes([raw[-1] | 1 << bit])
        assert refused(damaged(raw=raw[:-1] + last)).startswith(f"leave {spare} raw bits")


def test_a_raw_byte_too_many_is_refused_after_a_full_one():
    """Eight codes of -1 have eight raw bits."""
    assert read(assemble([2**16], [], [b"\0\xff"], b"\xff", 8), [8]) == [[-1] * 8]
    line = refused(assemble([2**16], [], [b"\0\xff"], b"\xff\0", 8), [8])
    assert line == "leave 8 raw bits, expected fewer than 8, all 0"


@pytest.mark.parametrize("table", [b"", b"\x09" * 57, b"\xff\x09\x00", b"\x00"])
def test_tables_have_1_to_56_bytes_and_the_last_is_not_0(table):
    tables = parts(DATA, SIZES, 1)[2]
    assert refused(damaged(tables=[*tables[:2], table, *tables[3:]])).startswith(
        "have a bad table 2"
    )


def test_padding_is_zero_and_as_long_as_it_must_be():
    """1600 zeros take 14 bytes, and padding up to 100."""
    data = encode([np.zeros(1600, np.int16)])
    assert read(data, [1600]) == [[0] * 1600]
    assert len(data) == 100
    assert data[14:] == bytes(86)
    for wrong in (
        data[:-1],
        data + b"\0",
        *(data[:at] + b"\1" + data[at + 1 :] for at in (14, 99)),
    ):
        assert refused(wrong, [1600]).startswith("must be 14 bytes, then zeros up to 100, got")
    assert refused(data, [1601]).startswith("must be 14 bytes, then zeros up to 101, got")
    assert refused(data, [1584]).startswith("must be 14 bytes, then zeros up to 99, got")
    assert read(data, [1590]) == [[0] * 1590]


@pytest.mark.parametrize("counts", [(2**32 - 1, 0), (0, 2**32 - 1), (2**32 - 1, 2**32 - 1)])
def test_lengths_beyond_the_end_are_refused_before_anything_is_made(counts):
    wrong = np.frombuffer(damaged(counts=counts), np.uint8)
    tracemalloc.start()
    try:
        with pytest.raises(FormatError, match=r"need [0-9]+ bytes at least, got"):
            decode(wrong, SIZES, "song")
        with pytest.raises(FormatError, match=r"need [0-9]+ bytes at least, got"):
            decode(wrong, [2**40, 2**40], "song")
        assert tracemalloc.get_traced_memory()[1] < 20_000
    finally:
        tracemalloc.stop()


def test_a_stream_of_any_length_but_its_own_is_refused():
    for length in range(len(DATA)):
        refused(DATA[:length])
    for more in (b"\0", b"\1", bytes(1000)):
        refused(DATA + more)


def test_other_sizes_are_refused():
    for index, step in product(range(len(SIZES)), (-1, 1)):
        refused(DATA, [size + step * (at == index) for at, size in enumerate(SIZES)])


def outcome(data, sizes):
    """The codes, or the one line that is said instead. There is no third outcome."""
    try:
        return read(data, sizes)
    except FormatError:
        return refused(data, sizes)


def test_a_damaged_byte_is_told_or_gives_other_codes():
    """Only another table may say the same."""
    codes, tables = outcome(DATA, SIZES), b"".join(parts(DATA, SIZES, 1)[2])
    raw = len(DATA) - len(parts(DATA, SIZES, 1)[3])
    first = raw - len(tables) - len(SIZES)
    for at, change in product(range(len(DATA)), (1, 128, 255)):
        wrong = DATA[:at] + bytes([DATA[at] ^ change]) + DATA[at + 1 :]
        assert outcome(wrong, SIZES) != codes or first <= at < raw


@given(st.binary(max_size=200), st.lists(st.integers(1, 50), min_size=1, max_size=3))
@settings(max_examples=300)
def test_any_bytes_are_refused_or_read(data, sizes):
    assert outcome(data, sizes)


def test_reading_holds_a_piece_at_a_time(monkeypatch):
    """2 MiB of codes in 64 KiB of data, 4096 at a time."""
    monkeypatch.setattr(coding, "_PIECE", 4096)
    data = np.frombuffer(encode([np.zeros(2**20, np.int16)]), np.uint8)
    tracemalloc.start()
    try:
        assert not any(piece.codes.any() for piece in decode(data, [2**20], "song"))
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()
