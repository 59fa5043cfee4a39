"""The demo: two of scikit-image's photographs in a third, from keys to contact sheet."""

from __future__ import annotations

from pathlib import Path

from sirensong.carrier.file import load, save
from sirensong.files import refuse_existing, told
from sirensong.hide import hide
from sirensong.keys.secret import SecretKey, read_key, write_key
from sirensong.pictures.image import fill, from_uint8, write_picture
from sirensong.pictures.metrics import Quality, measure
from sirensong.pictures.photographs import photograph
from sirensong.pictures.sheet import Row, contact_sheet, difference
from sirensong.reveal import reveal, sample
from sirensong.training.options import OnProgress, Options
from sirensong.training.recipe import FAST

SIDE = 128
_MAGNIFIED = 10
_COVER = "astronaut"
_SECRETS = (("alice", "chelsea"), ("bob", "coffee"))


def run_demo(
    folder: Path, *, steps: int | None, overwrite: bool, on_progress: OnProgress | None
) -> tuple[Path, list[tuple[str, Quality]]]:
    """Hide, write, read back, reveal, measure. steps: joint training steps, the recipe's if None.

    Writes to `folder`: a key for Alice and one for Bob (kept if they are there), song.safetensors, the originals, the renders, and
    sheet.png. Returns the sheet's path and each picture's quality.
    """
    with told("make", folder):
        folder.mkdir(parents=True, exist_ok=True)
    carrier, sheet = folder / "song.safetensors", folder / "sheet.png"
    for path in (carrier, sheet):
        refuse_existing(path, overwrite=overwrite)
    cover, *secrets = (
        from_uint8(fill(photograph(name), SIDE, SIDE))
        for name in (_COVER, *(name for _, name in _SECRETS))
    )
    keys = [_key(folder / f"{person}.key") for person, _ in _SECRETS]

    recipe = FAST.with_steps(steps)
    save(
        carrier,
        hide(
            cover,
            list(zip(keys, secrets, strict=True)),
            recipe=recipe,
            options=Options(on_progress=on_progress),
        ).stego,
        overwrite=overwrite,
    )
    song = load(carrier)

    renders = [sample(song), *(reveal(song, key) for key in keys)]
    names = [
        "stego image, rendered by anybody",
        *(f"secret image, revealed with {person}'s key" for person, _ in _SECRETS),
    ]
    rows, table = [], []
    for name, original, render in zip(names, [cover, *secrets], renders, strict=True):
        quality = measure(original, render)
        rows.append(
            Row(
                f"{name}: {quality.psnr:.1f} dB",
                (original, render, difference(original, render, _MAGNIFIED)),
            )
        )
        table.append((name, quality))
    wrong = reveal(song, SecretKey.generate(), force=True)
    rows.append(Row("a wrong key, with --force", (None, wrong, None)))
    columns = ("original", "render", f"difference x{_MAGNIFIED}")
    write_picture(sheet, contact_sheet(columns, rows), overwrite=True)
    for stem, original, render in zip(
        ("cover", *(person for person, _ in _SECRETS)), [cover, *secrets], renders, strict=True
    ):
        write_picture(folder / f"{stem}-original.png", original, overwrite=True)
        write_picture(folder / f"{stem}-render.png", render, overwrite=True)
    return sheet, table


def _key(path: Path) -> SecretKey:
    if not path.exists():
        write_key(path, SecretKey.generate())
    return read_key(path)
