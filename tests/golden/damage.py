"""Odd files made from sound carriers, one thing wrong with each; no part of the library is used."""

import base64
import hashlib
import json
import pickle
import struct
import zipfile
from io import BytesIO

import derivation

BOM = b"\xef\xbb\xbf"


def header_of(data):
    """The header's text, without the spaces at its end, and what follows it."""
    (length,) = struct.unpack_from("<Q", data)
    return data[8 : 8 + length].rstrip(b" "), data[8 + length :]


def with_header(text, body, *, fill=True):
    text += b" " * (-len(text) % 8 if fill else 0)
    return struct.pack("<Q", len(text)) + text + body


def replaced(data, old, new):
    """Another text in the header, filled up anew."""
    text, body = header_of(data)
    assert text.count(old) == 1, old
    return with_header(text.replace(old, new), body)


def field(data, name, value):
    """Another value of a metadata field, as text."""
    text, _ = header_of(data)
    start = text.index(b'\\"%s\\": ' % name) + len(name) + 6
    end = min(at for at in (text.find(b",", start), text.find(b'}"', start)) if at > 0)
    return replaced(
        data, text[start - len(name) - 6 : end], text[start - len(name) - 6 : start] + value
    )


def step(data, index, value):
    """Another step; struct.pack takes NaN."""
    text, body = header_of(data)
    steps = bytearray(body)
    struct.pack_into("<f", steps, 4 * index, value)
    return with_header(text, bytes(steps))


def codes_of(data):
    entry = json.loads(header_of(data)[0])["codes"]["data_offsets"]
    return header_of(data)[1][slice(*entry)]


def with_codes(data, codes):
    """A carrier with other bytes of codes, as many as may be."""
    text, body = header_of(data)
    header = json.loads(text)
    start, end = header["codes"]["data_offsets"]
    header["codes"].update(shape=[len(codes)])
    at = start
    for name, size in (("codes", len(codes)), ("nonce", 32), ("slots", 1024)):
        header[name]["data_offsets"] = [at, at + size]
        at += size
    text = json.dumps(header, separators=(",", ":")).encode()
    return with_header(text, body[:start] + codes + body[end:])


def parts_of(codes, tensors, lanes=1):
    words, raw = struct.unpack_from("<II", codes)
    at = 8 + 4 * lanes
    parts = {"states": codes[8:at], "words": codes[at : at + 2 * words]}
    at += 2 * words
    parts["tables"] = []
    for _ in range(tensors):
        parts["tables"].append(codes[at + 1 : at + 1 + codes[at]])
        at += 1 + codes[at]
    return {**parts, "raw": codes[at : at + raw], "padding": codes[at + raw :]}


def joined(parts, **changes):
    parts = {**parts, **changes}
    head = struct.pack("<II", len(parts["words"]) // 2, len(parts["raw"]))
    tables = b"".join(bytes([len(table)]) + table for table in parts["tables"])
    return head + parts["states"] + parts["words"] + tables + parts["raw"] + parts["padding"]


def odd_headers(sound):
    """Carriers whose header is not that of their fields."""
    text, body = header_of(sound)
    header = json.loads(text)
    order = {name: header[name] for name in ("__metadata__", "codes", "steps", "nonce", "slots")}
    fields = header["__metadata__"]["sirensong"]
    swapped = ", ".join(reversed(fields[1:-1].split(", ")))

    def compact(value):
        return json.dumps(value, separators=(",", ":")).encode()

    return {
        "version-1": field(sound, b"version", b"1"),
        "version-3": field(sound, b"version", b"3"),
        "version-with-point": field(sound, b"version", b"2.0"),
        "rows-true": field(sound, b"rows", b"true"),
        "rows-in-quotation-marks": field(sound, b"rows", b'\\"1\\"'),
        "width-with-zero-before-it": field(sound, b"width", b"02"),
        "width-with-sign": field(sound, b"width", b"+2"),
        "width-with-exponent": field(sound, b"width", b"2e0"),
        "width-of-500-digits": field(sound, b"width", b"9" * 500),
        "width-zero": field(sound, b"width", b"0"),
        "width-65536": field(sound, b"width", b"65536"),
        "columns-1025": field(sound, b"columns", b"1025"),
        "hidden-features-zero": field(sound, b"hidden_features", b"0"),
        "hidden-layers-one": field(sound, b"hidden_layers", b"1"),
        "omega-without-point": field(sound, b"omega", b"30"),
        "omega-with-zero-behind-it": field(sound, b"omega", b"30.00"),
        "omega-with-exponent": field(sound, b"omega", b"3e1"),
        "omega-with-too-many-digits": field(sound, b"omega", b"30.00000000000000000001"),
        "omega-zero": field(sound, b"omega", b"0.0"),
        "omega-nan": field(sound, b"omega", b"NaN"),
        "omega-too-large": field(sound, b"omega", b"10000.5"),
        "field-missing": replaced(sound, b', \\"width\\": 2', b""),
        "field-twice": replaced(sound, b', \\"width', b', \\"width\\": 2, \\"width'),
        "field-extra": replaced(sound, b', \\"width', b', \\"weight\\": 2, \\"width'),
        "fields-in-another-order": replaced(sound, compact(fields), compact("{" + swapped + "}")),
        "fields-without-white-space": replaced(sound, b', \\"width', b',\\"width'),
        "field-in-escapes": replaced(sound, b"width", b"\\\\u0077idth"),
        "metadata-field-extra": replaced(sound, b'"}', b'","format":"pt"}'),
        "metadata-is-no-object": with_header(
            compact({**header, "__metadata__": {"sirensong": "[]"}}), body
        ),
        "no-metadata": with_header(compact({**header, "__metadata__": {}}), body),
        "tensor-extra": with_header(
            compact(
                {**header, "more": {"dtype": "U8", "shape": [0], "data_offsets": [1148, 1148]}}
            ),
            body,
        ),
        "tensor-twice": with_header(text[:-1] + b"," + text[text.index(b'"slots"') :], body),
        "tensors-in-another-order": with_header(compact(order), body),
        "tensors-overlap": replaced(sound, b"[24,92]", b"[20,88]"),
        "shape-with-point": replaced(sound, b"[68]", b"[68.0]"),
        "codes-as-floats": replaced(sound, b'"U8","shape":[68]', b'"F32","shape":[17]'),
        "white-space-in-header": replaced(sound, b',"steps"', b', "steps"'),
        "line-end-in-header": struct.pack("<Q", 416) + text + b"   \n" + body,
        "eight-more-spaces": struct.pack("<Q", 424) + f"{text.decode():424}".encode() + body,
        "header-not-filled-up": with_header(text, body, fill=False),
        "byte-order-mark-in-header": with_header(BOM + text, body),
        "header-in-utf-16": with_header(text.decode().encode("utf-16-le"), body),
        "header-beyond-the-end": struct.pack("<Q", 2**63) + sound[8:],
        "header-of-1032-bytes": struct.pack("<Q", 1032) + f"{text.decode():1032}".encode() + body,
    }


def odd_numbers(sound, tiles):
    """Carriers with steps that cannot be. sound: of one tile; tiles: with 2 rows and 3 columns."""
    return {
        "step-zero": step(sound, 5, 0.0),
        "step-minus-zero": step(sound, 5, -0.0),
        "step-negative": step(sound, 2, -0.2),
        "step-nan": step(sound, 2, float("nan")),
        "step-infinite": step(sound, 2, float("inf")),
        "step-subnormal": step(sound, 2, 1e-40),
        "step-too-small": step(sound, 2, 2.0**-41),
        "step-too-large": step(sound, 5, 513.0),
        "start-of-the-matrix-too-wide": step(sound, 0, 15 / (2**20 - 0.25)),
        "start-of-the-biases-too-wide": step(sound, 1, 2.0**-20),
        "cover-smaller-than-its-grid": field(tiles, b"width", b"2"),
        "cover-too-large-for-its-grid": field(field(sound, b"height", b"512"), b"width", b"513"),
        "more-weights-than-codes": field(
            field(field(sound, b"rows", b"9"), b"height", b"9"), b"hidden_features", b"16"
        ),
    }


def odd_codes(sound, padded):
    """Carriers whose codes are damaged. sound: of 6 tensors; padded: of 6 too, all zeros."""
    codes, zeros = codes_of(sound), codes_of(padded)
    parts, blank = parts_of(codes, 6), parts_of(zeros, 6)
    tables, raw = parts["tables"], parts["raw"]
    least = -len(blank["padding"])

    def made(**changes):
        return with_codes(sound, joined(parts, **changes))

    def table(index, content):
        return made(tables=[*tables[:index], content, *tables[index + 1 :]])

    state = struct.unpack("<I", parts["states"])[0]
    return {
        "no-codes": with_codes(sound, b""),
        "codes-end-early": with_codes(sound, codes[:-1]),
        "codes-with-a-byte-more": with_codes(sound, codes + b"\0"),
        "word-missing": made(words=parts["words"][:-2]),
        "word-left": made(words=parts["words"] + b"\0\0"),
        "words-beyond-the-end": with_codes(sound, b"\xff\xff\xff\xff" + codes[4:]),
        "state-below-65536": made(states=struct.pack("<I", 65_535)),
        "state-of-another-number": made(states=struct.pack("<I", state ^ 2**24)),
        "table-empty": table(3, b""),
        "table-of-zeros": table(3, b"\0"),
        "table-ends-in-zero": table(3, tables[3] + b"\0"),
        "table-of-57-bytes": table(3, bytes(56) + b"\xff"),
        "table-with-half-the-shares": table(
            3, bytes(byte - 16 if byte else 0 for byte in tables[3])
        ),
        "table-with-a-bucket-that-never-occurs": table(0, b"\1" + tables[0][1:]),
        "raw-byte-missing": made(raw=raw[:-1]),
        "raw-byte-left": made(raw=raw + b"\0"),
        "raw-bit-left": made(raw=raw[:-1] + bytes([raw[-1] | 1])),
        "padding-of-a-carrier-that-needs-none": made(padding=b"\0"),
        "padding-not-zero": with_codes(padded, zeros[:-1] + b"\1"),
        "padding-too-short": with_codes(padded, zeros[:-1]),
        "padding-too-long": with_codes(padded, zeros + b"\0"),
        "padding-missing": with_codes(padded, zeros[:least]),
        "minus-zero": with_codes(padded, joined(blank, raw=b"\0", padding=blank["padding"][1:])),
    }


def odd_carriers(sound):
    """Carriers by what is wrong with them. sound: well-formed ones, by name."""
    one = sound["one-tile"]
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(zipfile.ZipInfo("data.pkl"), "x")
    return {
        **odd_headers(one),
        **odd_numbers(one, sound["six-tiles"]),
        **odd_codes(one, sound["zeros"]),
        "empty": b"",
        "nine-bytes": one[:9],
        "byte-missing-at-the-end": one[:-1],
        "byte-behind-the-end": one + b"\0",
        "carrier-twice": one + one,
        "a-pickle": pickle.dumps({"weights": [0.5] * 9}, protocol=4),
        "a-zip-archive": packed.getvalue(),
        "text": b"not a carrier\n",
    }


def odd_secrets(sound, key):
    """Carriers that open, with keys that are refused: slots of later releases and of odd sizes."""
    found = {}
    cases = {
        "slot-of-a-newer-release": (15 * 16, 2500, 1, 2),
        "picture-too-large-for-its-grid": (0, 2500, 513, 512),
        "slot-without-units": (0, 0, 1, 2),
        "slot-of-10000-units": (0, 10_000, 1, 2),
        "slot-of-another-selection": (3, 2500, 1, 2),
        "slot-without-width": (0, 2500, 1, 0),
        "slot-for-a-mask": (1, 2500, 1, 2),
    }
    one = sound["one-tile"]
    nonce = one[-1056:-1024]
    cipher = derivation.aes(derivation.derive(key, nonce, "slot"))
    for name, fields in cases.items():
        block = struct.pack("<BHHH9x", *fields)
        slots = bytes(16) + cipher.encryptor().update(block) + bytes(992)
        found[f"{name}.safetensors"] = one[:-1024] + slots
        found[f"{name}.key"] = sound_key(key)
    found["nonce-of-small-order.safetensors"] = one[:-1056] + b"\1" + bytes(31) + one[-1024:]
    found["nonce-of-small-order.age"] = AGE.encode()
    return found


AGE = "AGE-SECRET-KEY-1GPQ5YS6YG4RYWJZFFF95CN2WFAG9Z5JN2324V46CT9D9KHZATE0S5FAZ64\n"
"""The identity of docs/format.md, section 10.1."""


def sound_key(key):
    checksum = hashlib.sha256(b"sirensong key checksum 1" + key).digest()[:3]
    return b"sirensong-key-" + base64.b32encode(key + checksum).lower() + b"\n"


def key_files(text):
    """Key files, each with one thing wrong."""
    line = text.encode()
    return {
        "byte-order-mark.key": BOM + line,
        "line-ends-in-cr.key": line + b"\r",
        "cr-between-lines.key": b"# mine\r" + line + b"\n",
        "no-break-space.key": line + "\u00a0\n".encode(),
        "form-feed.key": line + b"\f\n",
        "in-latin-1.key": b"# Zo\xeb\n" + line,
        "two-keys.key": line + b"\n" + line + b"\n",
        "only-comments.key": b"# mine\n\n",
        "no-bytes.key": b"",
        "a-letter-changed.key": line.replace(b"aaaqe", b"aabqe") + b"\n",
        "a-letter-missing.key": line[:-1] + b"\n",
        "a-letter-more.key": line + b"a\n",
        "a-digit-of-no-key.key": line.replace(b"aaaqe", b"aaa1e"),
        "kelvin-sign.key": line.decode().replace("k", "\u212a", 1).encode(),
        "padded-base32.key": line + b"========\n",
        "4097-bytes.key": line + b"\n#" + b"x" * (4097 - len(line) - 2),
    }
