"""What is measured of one scheme on one set of pictures: files on disk, read back."""

from __future__ import annotations

import functools
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import numpy as np

from sirensong.errors import NoPictureError, SirensongError
from sirensong.files import read_bytes, write_bytes
from sirensong.keys.secret import SecretKey
from sirensong.keys.stream import derive
from sirensong.lab.baselines.method import Method
from sirensong.lab.compare.contenders import Contender
from sirensong.lab.compare.processes import peak_megabytes
from sirensong.lab.reproduce.study import Record
from sirensong.pictures.image import RGB
from sirensong.pictures.metrics import luma_psnr, measure
from sirensong.pictures.reading import read_picture
from sirensong.pictures.writing import write_picture

SHOWN = 2
"""Secrets of which pictures are kept."""

_LARGEST_FILE = 2**31
_WARM = 16  # pixels, side of the pictures that a scheme hides before its time is taken


def measure_set(
    contender: Contender, pictures: Sequence[RGB], seed: int, keep: Path | None
) -> Record:
    """Hide a set of pictures, view and reveal them, and measure.

    Args:
        contender: the scheme.
        pictures: the cover, then the secrets.
        seed: of the keys.
        keep: a file for the pictures, side by side: cover, stego picture, and each of the first
            `SHOWN` secrets with what was revealed of it. None keeps nothing.

    Returns:
        What was found; or "failed" with the reason, if the scheme refuses.
    """
    try:
        return _found(contender, pictures, seed, keep)
    except SirensongError as error:
        return {"failed": error.message}


def _found(contender: Contender, pictures: Sequence[RGB], seed: int, keep: Path | None) -> Record:
    method = _warm(contender)
    cover, *secrets = pictures
    keys = [_key(seed, str(place)) for place, _ in enumerate(secrets) if method.keyed]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"stego{method.ending}"
        begun = time.perf_counter()
        write_bytes(path, method.hide(cover, secrets, keys), overwrite=False)
        sender = time.perf_counter() - begun
        file = read_bytes(path, cap=_LARGEST_FILE, what="a stego file")
        begun = time.perf_counter()
        revealed = [
            method.reveal(file, place, keys[place] if method.keyed else None)
            for place in range(len(secrets))
        ]
        receiver = (time.perf_counter() - begun) / len(secrets)
        seen = [
            _as_file(picture, Path(folder) / f"{place}.png")
            for place, picture in enumerate([method.view(file), *revealed])
        ]
    images = [_quality(*pair) for pair in zip(pictures, seen, strict=True)]
    if keep is not None:
        shown = [picture for pair in zip(pictures, seen, strict=True) for picture in pair]
        write_picture(keep, np.hstack(shown[: 2 + 2 * SHOWN]), overwrite=True)
    return {
        "title": method.title,
        "ending": method.ending,
        "training": contender.training,
        "bytes": len(file),
        "pixels": cover.shape[0] * cover.shape[1],
        "sender": sender,
        "receiver": receiver,
        "memory": peak_megabytes(),
        "decoder": method.decoder_bytes,
        "side information": method.side_information,
        "key bits": method.key_bits,
        "images": images,
        **_strangers(method, file, secrets, keys, _key(seed, "other"), images),
    }


@functools.lru_cache(maxsize=1)
def _warm(contender: Contender) -> Method:
    """Open a scheme, and let it work once, so that no import or compilation is timed."""
    method = contender.open()
    side = max(_WARM, method.least_side)
    side += -side % method.multiple
    picture = np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)
    keys = [_key(0, str(place)) for place in range(method.secrets) if method.keyed]
    with suppress(SirensongError):  # a real picture says what is wrong
        file = method.hide(picture, [picture] * method.secrets, keys)
        method.reveal(file, 0, keys[0] if keys else None)
    return method


def _key(seed: int, name: str) -> SecretKey:
    return SecretKey(derive(seed.to_bytes(8), b"", f"compare/{name}"))


def _as_file(picture: RGB, path: Path) -> RGB:
    """A picture as it is read from its file."""
    write_picture(path, picture, overwrite=False)
    return read_picture(path).rgb


def _quality(picture: RGB, render: RGB) -> Record:
    return asdict(measure(picture, render)) | {"luma": luma_psnr(picture, render)}


def _strangers(
    method: Method,
    file: bytes,
    secrets: Sequence[RGB],
    keys: Sequence[SecretKey],
    other: SecretKey,
    images: Sequence[Record],
) -> Record:
    """PSNR of secret 1 for who has no key of it; None for no picture at all.

    "eavesdropper" has the public decoder, and makes a key up where one is needed; "recipient" has
    the key of secret 2, and is left out where there is one secret.
    """
    found: Record = {}
    for name, key in (("eavesdropper", other), *zip(("recipient",), keys[1:], strict=False)):
        found[name] = _psnr_with(method, file, secrets[0], key)
    if not method.keyed:
        found = dict.fromkeys(("eavesdropper", "recipient")[: len(secrets)], images[1]["psnr"])
    return found


def _psnr_with(method: Method, file: bytes, secret: RGB, key: SecretKey) -> float | None:
    try:
        return measure(secret, method.reveal(file, 0, key)).psnr
    except NoPictureError:
        return None
