"""sirensong attack: what others may do to a carrier, or try to find in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.markup import escape
from rich.table import Table

from sirensong.carrier import load, save
from sirensong.cli.arguments import Carrier, Json, Output, Overwrite
from sirensong.cli.console import out, print_facts, print_json
from sirensong.errors import FileError, SirensongError
from sirensong.files import refuse_existing
from sirensong.metrics import measure
from sirensong.reveal import sample
from sirensong.robustness import disturb, quantise
from sirensong.robustness import prune as pruned
from sirensong.stego import StegoFunction

app = typer.Typer(help="Change a carrier as others might, or look for what it hides.", no_args_is_help=True)

_Seed = Annotated[int, typer.Option("--seed", help="of the noise")]
_Folder = Annotated[Path, typer.Argument(help="a folder of carriers", show_default=False)]


@app.command()
def prune(
    carrier: Carrier,
    output: Output,
    rate: Annotated[float, typer.Option("--rate", help="share of each matrix's weights, 0 to 1")] = 0.1,
    structured: Annotated[bool, typer.Option("--structured", help="whole rows instead of single weights")] = False,
    overwrite: Overwrite = False,
    json: Json = False,
) -> None:
    """Set the least weights to zero, and write the carrier that is left."""
    _change(carrier, output, overwrite, json, lambda stego: pruned(stego, rate, structured=structured))


@app.command()
def quantize(
    carrier: Carrier,
    output: Output,
    bits: Annotated[int, typer.Option("--bits", help="a weight: 2 to 12, or 16 for floating point")] = 8,
    overwrite: Overwrite = False,
    json: Json = False,
) -> None:
    """Round the weights to fewer bits, and write the carrier that is left."""
    _change(carrier, output, overwrite, json, lambda stego: quantise(stego, bits))


@app.command()
def noise(
    carrier: Carrier,
    output: Output,
    strength: Annotated[float, typer.Option("--strength", help="in standard deviations of each matrix")] = 0.01,
    seed: _Seed = 0,
    overwrite: Overwrite = False,
    json: Json = False,
) -> None:
    """Add Gaussian noise to the weights, and write the carrier that is left."""
    _change(carrier, output, overwrite, json, lambda stego: disturb(stego, strength, np.random.default_rng(seed)))


def _change(carrier: Path, output: Path, overwrite: bool, json: bool, change: Callable[[StegoFunction], StegoFunction]) -> None:
    refuse_existing(output, overwrite=overwrite)
    before = load(carrier)
    after = change(before)
    save(output, after, overwrite=overwrite)
    pairs = [(old.weight, new.weight) for old, new in zip(before.weights, after.weights, strict=True)]
    total = sum(old.size for old, _ in pairs)
    facts = {
        "changed_weights": round(sum(int((old != new).sum()) for old, new in pairs) / total, 4),
        "zero_weights": round(sum(int((new == 0).sum()) for _, new in pairs) / total, 4),
        "cover_psnr": measure(sample(before), sample(after)).as_json()["psnr"],
    }
    print_facts(f"{output}, against {carrier}", facts, json=json)


@app.command()
def weights(clean: _Folder, suspected: _Folder, json: Json = False) -> None:
    """Try to tell two folders of carriers apart by their weights: the paper's histogram SVM, and stronger detectors."""
    from sirensong.steganalysis.weights import detect

    found = detect(_load_all(clean), _load_all(suspected))
    if json:
        print_json([vars(detection) | {"guessing": detection.guessing} for detection in found])
        return
    table = Table(title=escape(f"{clean} against {suspected}"), title_justify="left", title_style="bold")
    for column in ("detector", "AUC", "95 % interval", ""):
        table.add_column(column)
    for detection in found:
        verdict = "may be guessing" if detection.guessing else "tells them apart"
        table.add_row(detection.name, f"{detection.auc:.3f}", f"{detection.low:.3f} to {detection.high:.3f}", verdict)
    out.print(table)


def _load_all(folder: Path) -> list[StegoFunction]:
    if not folder.is_dir():
        raise FileError(f"no folder {folder}")
    paths = sorted(folder.glob("*.safetensors"))
    if not paths:
        raise SirensongError(f"no carriers in {folder}: expected files that end in .safetensors")
    return [load(path) for path in paths]
