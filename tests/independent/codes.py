"""docs/format.md, section 1.3: the codes of a carrier, one number at a time, in plain integers."""

import struct


class RefusedError(Exception):
    """What is read is not what a writer makes."""


def require(sound, reason):
    if not sound:
        raise RefusedError(reason)


def share(byte):
    return (16 + byte % 16) << byte // 16 if byte else 0


LEAST = [*range(8), *((4 + bucket % 4) << (bucket - 8) // 4 + 1 for bucket in range(8, 56))]
LOW = [0] * 8 + [(bucket - 8) // 4 + 1 for bucket in range(8, 56)]


def read_codes(data, sizes):
    """The codes of each tensor, lists, of as many numbers as `sizes` says."""
    numbers = sum(sizes)
    lanes = min(4096, -(-numbers // 4096))
    states, words, tables, raw = _parts(data, lanes, sizes)
    require(all(state >= 2**16 for state in states), "a state is below 65,536")
    for table in tables:
        require(1 <= len(table) <= 56 and table[-1], "a table is not 1 to 56 bytes, the last not 0")
    words, bits = iter(words), _bits(raw)
    tensors = [
        _read_tensor(size, table, states, words, bits)
        for size, table in zip(sizes, tables, strict=True)
    ]
    require(next(words, None) is None, "words are left")
    require(states == [2**16] * lanes, "a state does not end where a writer begins")
    left = list(bits)
    require(len(left) < 8 and not any(left), "raw bits are left")
    return tensors


def _parts(data, lanes, sizes):
    """Cut a stream, to the last byte."""
    at = 0

    def take(count):
        nonlocal at
        at += count
        require(at <= len(data), "the stream ends early")
        return data[at - count : at]

    word_count, raw_count = struct.unpack("<II", take(8))
    states = list(struct.unpack(f"<{lanes}I", take(4 * lanes)))
    words = struct.unpack(f"<{word_count}H", take(2 * word_count))
    tables = [take(take(1)[0]) for _ in sizes]
    raw = take(raw_count)
    padding = max(0, -(-sum(sizes) // 16) - at)
    require(data[at:] == bytes(padding), "the padding is wrong")
    return states, words, tables, raw


def _bits(raw):
    return (byte >> place & 1 for byte in raw for place in range(7, -1, -1))


def _read_tensor(size, table, states, words, bits):
    frequency = frequencies(table)
    before = [sum(frequency[:bucket]) for bucket in range(len(table))]
    owner = [bucket for bucket, count in enumerate(frequency) for _ in range(count)]
    counts, codes = [0] * len(table), []
    for index in range(size):
        lane = index % len(states)
        state = states[lane]
        rank = state % 4096
        bucket = owner[rank]
        state = frequency[bucket] * (state // 4096) + rank - before[bucket]
        if state < 2**16:
            state = state << 16 | _next(words, "words")
        states[lane] = state
        counts[bucket] += 1
        negative = _next(bits, "raw bits") if bucket else 0
        low = 0
        for _ in range(LOW[bucket]):
            low = low << 1 | _next(bits, "raw bits")
        codes.append(-(LEAST[bucket] + low) if negative else LEAST[bucket] + low)
    require(table_of(counts) == table, "a table is not that of its numbers")
    return codes


def _next(source, what):
    found = next(source, None)
    require(found is not None, f"{what} are missing")
    return found


def frequencies(table):
    total = sum(map(share, table))
    found = [max(1, share(byte) * 4096 // total) if byte else 0 for byte in table]
    found[found.index(max(found))] += 4096 - sum(found)
    return found


def table_of(counts):
    most = max(counts)
    table = []
    for count in counts:
        byte = min(count, 1)
        while (
            byte
            and byte < 255
            and share(byte) * share(byte + 1) * most**2 <= (count * share(255)) ** 2
        ):
            byte += 1
        table.append(byte)
    return bytes(table)
