"""sirensong attack: what others may do to a carrier, or try to find in it."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.markup import escape
from rich.table import Table

from sirensong.carrier.file import load, save
from sirensong.carrier.stego import StegoFunction
from sirensong.cli.arguments import Carrier, Json, MaskFile, Output, Overwrite, open_picture
from sirensong.cli.console import err, out, print_facts, print_json, tracked, training_bar
from sirensong.errors import FileError, SettingError, SirensongError
from sirensong.files import refuse_existing
from sirensong.keys.secret import SecretKey, read_key
from sirensong.lab.finetuning import finetune as tuned
from sirensong.lab.robustness import disturb, quantise
from sirensong.lab.robustness import prune as pruned
from sirensong.network.mask import Mask, read_mask
from sirensong.network.rendering import render_uint8
from sirensong.pictures.image import Pixels
from sirensong.pictures.metrics import measure
from sirensong.reveal import reveal, sample
from sirensong.training.recipe import FINETUNING

app = typer.Typer(
    help="Change a carrier as others might, or look for what it hides.", no_args_is_help=True
)

_Seed = Annotated[int, typer.Option("--seed", help="of the noise")]
_Folder = Annotated[Path, typer.Argument(help="a folder of carriers", show_default=False)]


@app.command()
def prune(
    carrier: Carrier,
    output: Output,
    rate: Annotated[
        float, typer.Option("--rate", help="share of each matrix's weights, 0 to 1")
    ] = 0.1,
    structured: Annotated[
        bool, typer.Option("--structured", help="whole rows instead of single weights")
    ] = False,
    overwrite: Overwrite = False,
    json: Json = False,
) -> None:
    """Set the least weights to zero, and write the carrier that is left."""
    _change(
        carrier, output, overwrite, json, lambda stego: pruned(stego, rate, structured=structured)
    )


@app.command()
def quantize(
    carrier: Carrier,
    output: Output,
    bits: Annotated[
        int, typer.Option("--bits", help="a weight: 2 to 12, or 16 for floating point")
    ] = 8,
    overwrite: Overwrite = False,
    json: Json = False,
) -> None:
    """Round the weights to fewer bits, and write the carrier that is left."""
    _change(carrier, output, overwrite, json, lambda stego: quantise(stego, bits))


@app.command()
def noise(
    carrier: Carrier,
    output: Output,
    strength: Annotated[
        float, typer.Option("--strength", help="in standard deviations of each matrix")
    ] = 0.01,
    seed: _Seed = 0,
    overwrite: Overwrite = False,
    json: Json = False,
) -> None:
    """Add Gaussian noise to the weights, and write the carrier that is left."""
    _change(
        carrier,
        output,
        overwrite,
        json,
        lambda stego: disturb(stego, strength, np.random.default_rng(seed)),
    )


@app.command()
def finetune(
    carrier: Carrier,
    output: Output,
    cover: Annotated[
        Path | None,
        typer.Option(
            "--cover",
            help="the cover photograph, at its own size  [default: what the carrier renders]",
        ),
    ] = None,
    steps: Annotated[int, typer.Option("--steps", help="of training")] = 200,
    rate: Annotated[float, typer.Option("--rate", help="of learning")] = FINETUNING.rate,
    key: Annotated[
        list[Path] | None, typer.Option("--key", help="tell what its secret loses; may be repeated")
    ] = None,
    mask: MaskFile = None,
    overwrite: Overwrite = False,
    json: Json = False,
) -> None:
    """Train the weights on with the cover alone, and write the carrier that is left."""
    keys, given = [read_key(path) for path in key or []], None if mask is None else read_mask(mask)

    def change(stego: StegoFunction) -> StegoFunction:
        picture = (
            render_uint8(stego, (stego.height, stego.width))
            if cover is None
            else open_picture(cover).rgb
        )
        with training_bar(0) as on_progress:
            return tuned(stego, picture, steps, rate=rate, on_progress=on_progress)

    _change(carrier, output, overwrite, json, change, partial(_reveal_all, keys=keys, mask=given))


def _reveal_all(stego: StegoFunction, keys: Sequence[SecretKey], mask: Mask | None) -> list[Pixels]:
    return [reveal(stego, key, mask=mask) for key in keys]


def _change(
    carrier: Path,
    output: Path,
    overwrite: bool,
    json: bool,
    change: Callable[[StegoFunction], StegoFunction],
    secrets: Callable[[StegoFunction], list[Pixels]] = lambda _: [],
) -> None:
    """Write a changed carrier, and tell what its renders have lost. secrets: what keys reveal in it."""
    refuse_existing(output, overwrite=overwrite)
    before = load(carrier)
    revealed = secrets(before)
    after = change(before)
    save(output, after, overwrite=overwrite)
    pairs = [
        (old.weight, new.weight) for old, new in zip(before.weights, after.weights, strict=True)
    ]
    total = sum(old.size for old, _ in pairs)
    facts: dict[str, object] = {
        "changed_weights": round(sum(int((old != new).sum()) for old, new in pairs) / total, 4),
        "zero_weights": round(sum(int((new == 0).sum()) for _, new in pairs) / total, 4),
        "cover_psnr": _psnr(sample(before), sample(after)),
    }
    for number, (old, new) in enumerate(zip(revealed, secrets(after), strict=True), start=1):
        facts[f"secret_{number}_psnr"] = _psnr(old, new)
    print_facts(f"{output}, against {carrier}", facts, json=json)


def _psnr(before: Pixels, after: Pixels) -> float | None:
    psnr = measure(before, after).psnr
    return None if math.isinf(psnr) else round(psnr, 2)


@app.command()
def weights(clean: _Folder, suspected: _Folder, json: Json = False) -> None:
    """Try to tell two folders of carriers apart by their weights: the paper's histogram SVM, and stronger detectors."""
    from sirensong.lab.steganalysis.weights import detect

    populations = _load_all(clean), _load_all(suspected)
    with err.status("training detectors"):
        found = detect(*populations)
    if json:
        print_json([vars(detection) | {"guessing": detection.guessing} for detection in found])
        return
    table = Table(
        title=escape(f"{clean} against {suspected}"), title_justify="left", title_style="bold"
    )
    for column in ("detector", "AUC", "95 % interval", ""):
        table.add_column(column)
    for detection in found:
        verdict = "may be guessing" if detection.guessing else "tells them apart"
        table.add_row(
            detection.name,
            f"{detection.auc:.3f}",
            f"{detection.low:.3f} to {detection.high:.3f}",
            verdict,
        )
    out.print(table)


@app.command()
def guess(
    carrier: Carrier,
    key: Annotated[
        Path,
        typer.Option(
            "--key", help="the right key, to see how it fares among wrong ones", show_default=False
        ),
    ],
    keys: Annotated[int, typer.Option("--keys", help="wrong keys to try")] = 1000,
    json: Json = False,
) -> None:
    """Render with many wrong keys and the right one, and rank them by how natural they look: can one be found by looking?"""
    from sirensong.lab.steganalysis import guessing

    if keys < 2:
        raise SettingError(f"expected at least 2 wrong keys, got {keys}")
    stego, right = load(carrier), read_key(key)
    wrong = [SecretKey.generate() for _ in range(keys)]
    found = guessing.guess(stego, right, tracked(wrong, "wrong keys"))
    with err.status("partly right keys"):
        curves = guessing.hill(stego, right, wrong[: guessing.CLIMBERS], guessing.SHARES)
    facts = {
        "wrong_keys": keys,
        **{f"rank by {name}": rank for name, rank in found.ranks.items()},
        "seconds_a_key": float(f"{found.seconds_a_key:.3g}"),
        "years_for_all_keys": float(f"{found.years_for_all_keys:.1e}"),
        "years_for_passphrases_of_40_bits": float(f"{found.years_for_passphrases(40):.1e}"),
    }
    if json:
        climb = {"shares": list(guessing.SHARES)} | {
            part: [round(float(value), 3) for value in curve] for part, curve in curves.items()
        }
        print_json(facts | {"partly_right": climb})
        return
    print_facts(
        f"{carrier}, by looking at renders alone (its slots tell at once whether a key is right)",
        facts,
        json=False,
    )
    table = Table(
        title="a partly right key, in standard deviations of wrong ones",
        title_justify="left",
        title_style="bold",
    )
    for column in ("share that is right", *(f"of the {part}" for part in curves)):
        table.add_column(column, justify="right")
    for index, share in enumerate(guessing.SHARES):
        table.add_row(
            f"{100 * share:.0f} %", *(f"{curve[index]:+.1f}" for curve in curves.values())
        )
    out.print(table)


@app.command()
def stegexpose(
    folder: Annotated[Path, typer.Argument(help="a folder of pictures", show_default=False)],
    fast: Annotated[
        bool, typer.Option("--fast", help="stop at a picture that seems clean so far")
    ] = False,
    threshold: Annotated[
        float, typer.Option("--threshold", help="fusion beyond which a picture is suspicious")
    ] = 0.2,
    json: Json = False,
) -> None:
    """Look for LSB replacement in a folder's pictures, as StegExpose does, and print its CSV."""
    from sirensong.lab.steganalysis.stegexpose_files import analyse_files, files_in, to_csv

    verdicts = analyse_files(tracked(files_in(folder), "pictures"), fast=fast, threshold=threshold)
    if json:
        print_json(
            [
                {name: _number(value) for name, value in vars(verdict).items()}
                for verdict in verdicts
            ]
        )
        return
    sys.stdout.write(to_csv(verdicts))


def _number(value: object) -> object:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _load_all(folder: Path) -> list[StegoFunction]:
    if not folder.is_dir():
        raise FileError(f"no folder {folder}")
    paths = sorted(folder.glob("*.safetensors"))
    if not paths:
        raise SirensongError(f"no carriers in {folder}: expected files that end in .safetensors")
    return [load(path) for path in tracked(paths, f"carriers in {folder}")]
