"""Open mutated carriers and render what opens (make fuzz).

    python tests/fuzz.py [--count 100000] [--seed 1]

None may end in anything but a picture or a FormatError of one line, nor take more than 2 seconds
(of this process's own time, since machines are shared) or 500 MB more than the process has to begin
with. A failure is written to build/fuzz, with the traceback; the same seed makes the same carriers.
Prints a summary, and exits with 1 if anything failed.
"""

import argparse
import contextlib
import json
import random
import resource
import struct
import sys
import time
import traceback
from pathlib import Path

import numpy as np

import sirensong as ss
from sirensong.carrier.slots import SLOT_BYTES, SLOTS
from sirensong.network.siren import Layer

SECONDS, MEGABYTES = 2.0, 500
FAILURES = Path("build/fuzz")
SMALL = ((2, 2, (1, 1)), (5, 3, (1, 2)), (12, 2, (2, 2)), (3, 64, (1, 1)))
"""Features, layers and grids of the carriers that are mutated."""


def seeds():
    """Well-formed carriers, small ones, of several shapes."""
    rng = np.random.default_rng(0)
    for features, layers, (rows, columns) in SMALL:
        architecture = ss.Architecture(features, layers, 10.0)
        tiles, tensors = rows * columns, 2 * len(architecture.shapes)
        weights = tuple(
            Layer(*(rng.normal(0, 0.5, (tiles, *size)).astype(np.float32) for size in pair))
            for pair in ((shape, shape[:1]) for shape in architecture.shapes)
        )
        ends = rng.bytes(32), rng.bytes(SLOTS * SLOT_BYTES)
        form = architecture, ss.Grid(rows, columns), weights, (0.015625,) * tensors, 12, 16, *ends
        yield ss.dumps(ss.StegoFunction(*form).rounded())


def flip(data, rng):
    """Change some bits, anywhere."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8))):
        changed[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def flip_codes(data, rng):
    """Change bytes where steps and codes are."""
    (length,) = struct.unpack_from("<Q", data)
    end = len(data) - 32 - SLOTS * SLOT_BYTES
    changed = bytearray(data)
    for _ in range(rng.choice((1, 2, 4))):
        changed[rng.randrange(8 + length, end)] = rng.choice((0, 1, 127, 128, 255))
    return bytes(changed)


def cut(data, rng):
    """Take a piece out of it, or leave its end away."""
    start = rng.randrange(len(data))
    return data[:start] + data[rng.choice((len(data), start + 1, rng.randrange(len(data)))) :]


def insert(data, rng):
    """Put something into it, or behind it."""
    start = rng.choice((rng.randrange(len(data)), len(data)))
    return data[:start] + rng.randbytes(rng.choice((1, 2, 4, 300))) + data[start:]


def splice(data, rng):
    """The beginning of one and the end of another."""
    other = rng.choice(CARRIERS)
    return data[: rng.randrange(len(data))] + other[rng.randrange(len(other)) :]


def rewrite(data, rng):
    """Put other numbers into the header, and make it as long as it then is."""
    (length,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + length])
    fields = json.loads(header["__metadata__"]["sirensong"])
    numbers = 0, 1, 2, 3, 64, 65, 1024, 65_535, 2**31, 2**53, -1, 1.5, 1e308
    values = *numbers, True, None, "2", [], {}
    entries = [own for name, own in header.items() if name[0] != "_"]
    for _ in range(rng.choice((1, 1, 2))):
        part = rng.choice((fields, fields, *entries))
        part[rng.choice((*part, "extra"))] = rng.choice(values)
    header["__metadata__"]["sirensong"] = json.dumps(fields, sort_keys=True)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    body = data[8 + length :]
    if rng.random() < 0.5:  # as long as the header says
        with contextlib.suppress(TypeError, IndexError, KeyError):
            ends = [own["data_offsets"][1] for own in entries]
            body = body[: min(10**6, max(ends))]
    return struct.pack("<Q", len(text)) + text + body


MUTATIONS = (flip, flip_codes, flip_codes, cut, insert, splice, rewrite, rewrite)
CARRIERS = tuple(seeds())


def attempt(data):
    """Open and render. Returns what went wrong as a line, or None."""
    begun = time.process_time()
    try:
        stego = ss.loads(data)
        ss.render_uint8(stego, (stego.height, stego.width) if stego.height < 99 else (9, 9))
        outcome = "rendered"
    except ss.FormatError as error:
        outcome = "refused"
        if "\n" in str(error):
            return outcome, f"a message of several lines: {error}"
    except Exception:  # whatever it is, it is a failure, and it is written down
        return "failed", traceback.format_exc()
    spent = time.process_time() - begun
    return outcome, f"took {spent:.1f} s" if spent > SECONDS else None


def peak():
    """Largest memory that the process has had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    for data in CARRIERS:
        assert attempt(data) == ("rendered", None)
    before, counts, failures = peak(), {"rendered": 0, "refused": 0, "failed": 0}, 0
    for index in range(arguments.count):
        mutation = rng.choice(MUTATIONS)
        data = mutation(rng.choice(CARRIERS), rng)
        if rng.random() < 0.2:
            data = flip(data, rng) if data else data
        outcome, wrong = attempt(data)
        counts[outcome] += 1
        if wrong is None and peak() > before + MEGABYTES:
            wrong, before = f"took {peak() - before:.0f} MB", peak()
        if wrong is not None:
            failures += 1
            FAILURES.mkdir(parents=True, exist_ok=True)
            (FAILURES / f"{index}.safetensors").write_bytes(data)
            (FAILURES / f"{index}.txt").write_text(f"{mutation.__name__}: {wrong}\n")
    print(f"{arguments.count} carriers: {counts}, {failures} failures, peak {peak():.0f} MB")
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
