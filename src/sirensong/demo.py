"""The demo: two of scikit-image's photographs in a third, from keys to contact sheet."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sirensong.carrier.file import load, save
from sirensong.files import file_errors, refuse_existing
from sirensong.hide import hide
from sirensong.keys.secret import SecretKey, read_key, write_key
from sirensong.pictures.image import RGB, Pixels, fill, from_uint8
from sirensong.pictures.photographs import photograph
from sirensong.pictures.sheet import Row, contact_sheet, difference
from sirensong.pictures.writing import write_picture
from sirensong.reveal import reveal, sample
from sirensong.training.options import OnProgress, Options
from sirensong.training.recipe import FAST
from sirensong.verify import Expected, Measured, measure_picture

SIDE = 128
"""Pixels of a side of each picture."""

_MAGNIFIED = 10
_COVER = "astronaut"
_SECRETS = (("alice", "chelsea"), ("bob", "coffee"))


def run_demo(
    folder: Path, *, steps: int | None, overwrite: bool, on_progress: OnProgress | None
) -> tuple[Path, list[Measured]]:
    """Hide, write, read back, reveal, measure.

    Args:
        folder: gets a key for Alice and one for Bob (kept if they are there), song.safetensors,
            the originals, the renders, and sheet.png.
        steps: joint training steps, the recipe's if None.
        overwrite: replace what an earlier demo has written.
        on_progress: as in `Options`.

    Returns:
        The sheet's path, and each picture's quality.

    Raises:
        FileError: a file exists, or cannot be written.
        MissingDependencyError: torch or scikit-image is not installed.
    """
    with file_errors("make", folder):
        folder.mkdir(parents=True, exist_ok=True)
    carrier, sheet = folder / "song.safetensors", folder / "sheet.png"
    people = [person for person, _ in _SECRETS]
    stems = ["cover", *people]
    kinds = [folder / f"{stem}-{kind}.png" for stem in stems for kind in ("original", "render")]
    for path in (carrier, sheet, *kinds):
        refuse_existing(path, overwrite=overwrite)
    originals = _originals()
    keys = [_key(folder / f"{person}.key") for person in people]
    hidden = hide(
        originals[0],
        list(zip(keys, originals[1:], strict=True)),
        recipe=FAST.with_steps(steps),
        options=Options(on_progress=on_progress),
    )
    save(carrier, hidden.stego, overwrite=overwrite)
    song = load(carrier)

    names = ["stego image, rendered by anybody"]
    names += [f"secret image, revealed with {person}'s key" for person in people]
    expected = [
        Expected(name, rgb, rgb, key)
        for name, rgb, key in zip(names, originals, [None, *keys], strict=True)
    ]
    measured = [measure_picture(song, picture) for picture in expected]
    renders = [sample(song), *(reveal(song, key) for key in keys)]
    wrong = reveal(song, SecretKey.generate(), force=True)
    drawn = _sheet(measured, originals, renders, wrong)
    write_picture(sheet, drawn, overwrite=overwrite)
    for stem, original, render in zip(stems, originals, renders, strict=True):
        write_picture(folder / f"{stem}-original.png", original, overwrite=overwrite)
        write_picture(folder / f"{stem}-render.png", render, overwrite=overwrite)
    return sheet, measured


def _originals() -> list[RGB]:
    names = [_COVER, *(name for _, name in _SECRETS)]
    return [fill(photograph(name), SIDE, SIDE) for name in names]


def _sheet(
    measured: Sequence[Measured],
    originals: Sequence[RGB],
    renders: Sequence[Pixels],
    wrong: Pixels,
) -> Pixels:
    rows = []
    for picture, rgb, render in zip(measured, originals, renders, strict=True):
        original = from_uint8(rgb)
        pictures = (original, render, difference(original, render, _MAGNIFIED))
        rows.append(Row(f"{picture.name}: {picture.quality.psnr:.1f} dB", pictures))
    rows.append(Row("what a wrong key shows with --force: a distorted cover", (None, wrong, None)))
    return contact_sheet(("original", "render", f"difference x{_MAGNIFIED}"), rows)


def _key(path: Path) -> SecretKey:
    if not path.exists():
        write_key(path, SecretKey.generate())
    return read_key(path)
