"""sirensong attack: what others may do to a carrier."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from sirensong.carrier.file import save
from sirensong.carrier.stego import StegoFunction
from sirensong.cli import auditing, detecting
from sirensong.cli.arguments import (
    Carrier,
    Json,
    MaskFile,
    Output,
    Overwrite,
    Quiet,
    open_carrier,
    open_picture,
)
from sirensong.cli.console import print_facts
from sirensong.cli.paths import Named, check_carrier_ending, refuse_same
from sirensong.cli.progress import training_bar
from sirensong.cli.reporting import print_result
from sirensong.files import refuse_existing
from sirensong.keys.secret import SecretKey, read_key
from sirensong.lab.finetuning import finetune as finetuned
from sirensong.lab.robustness import perturb, quantise
from sirensong.lab.robustness import prune as pruned
from sirensong.network.mask import Mask, read_mask
from sirensong.network.rendering import render_uint8
from sirensong.pictures.image import RGB, Pixels
from sirensong.pictures.metrics import measure
from sirensong.reveal import reveal, sample
from sirensong.training.recipe import FINETUNING

app = typer.Typer(
    help="Change a carrier as others might, or look for what it hides.", no_args_is_help=True
)

Change = Callable[[StegoFunction], StegoFunction]
Reveal = Callable[[StegoFunction], list[Pixels]]


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
    change = partial(pruned, rate=rate, structured=structured)
    _attack("prune", carrier, output, change, overwrite=overwrite, json=json)


@app.command()
def quantize(
    carrier: Carrier,
    output: Output,
    bits: Annotated[
        int, typer.Option("--bits", help="bits a weight: 2 to 12, or 16 for floating point")
    ] = 8,
    overwrite: Overwrite = False,
    json: Json = False,
) -> None:
    """Round the weights to fewer bits, and write the carrier that is left.

    A carrier's steps are finer then, so that it holds the weights as they have become.
    """
    change = partial(quantise, bits=bits)
    _attack("quantize", carrier, output, change, overwrite=overwrite, json=json)


@app.command()
def noise(
    carrier: Carrier,
    output: Output,
    strength: Annotated[
        float, typer.Option("--strength", help="in standard deviations of each matrix")
    ] = 0.01,
    seed: Annotated[int, typer.Option("--seed", min=0, help="seed of the noise")] = 0,
    overwrite: Overwrite = False,
    json: Json = False,
) -> None:
    """Add Gaussian noise to the weights, and write the carrier that is left.

    A carrier's steps are finer then, so that it holds the weights as they have become.
    """
    change = partial(perturb, strength=strength, rng=np.random.default_rng(seed))
    _attack("noise", carrier, output, change, overwrite=overwrite, json=json)


@app.command()
def finetune(
    carrier: Carrier,
    output: Output,
    cover: Annotated[
        Path | None,
        typer.Option(
            "--cover",
            help="the cover photograph, at its own size",
            show_default="what the carrier renders",
        ),
    ] = None,
    steps: Annotated[int, typer.Option("--steps", help="steps of training")] = 200,
    rate: Annotated[float, typer.Option("--rate", help="learning rate")] = FINETUNING.rate,
    key: Annotated[
        list[Path] | None,
        typer.Option("--key", help="tell what its secret loses; may be repeated"),
    ] = None,
    mask: MaskFile = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,  # noqa: ARG001
    json: Json = False,
) -> None:
    """Train the weights on with the cover alone, and write the carrier that is left.

    A carrier's steps are finer then, so that it holds the weights as they have become.
    """
    keys = [read_key(path) for path in key or []]
    given = None if mask is None else read_mask(mask)

    def change(stego: StegoFunction) -> StegoFunction:
        picture = _picture_of(stego) if cover is None else open_picture(cover).rgb
        with training_bar(0) as on_progress:
            return finetuned(stego, picture, steps, rate=rate, on_progress=on_progress)

    secrets = partial(_reveal_all, keys=keys, mask=given)
    read = [("a key", path) for path in key or []]
    read += [("the cover", path) for path in (cover,) if path is not None]
    read += [("the mask", path) for path in (mask,) if path is not None]
    _attack("finetune", carrier, output, change, secrets, read, overwrite=overwrite, json=json)


def _picture_of(stego: StegoFunction) -> RGB:
    return render_uint8(stego, (stego.height, stego.width))


def _reveal_all(stego: StegoFunction, keys: Sequence[SecretKey], mask: Mask | None) -> list[Pixels]:
    return [reveal(stego, key, mask=mask) for key in keys]


def _attack(
    name: str,
    carrier: Path,
    output: Path,
    change: Change,
    secrets: Reveal = lambda _: [],
    read: Named = (),
    *,
    overwrite: bool,
    json: bool,
) -> None:
    """Write a changed carrier, and tell what its renders have lost.

    Args:
        name: of the attack.
        carrier: to be changed.
        output: to be written.
        change: the attack.
        secrets: reveals the pictures that are measured besides the cover.
        read: files that are read besides the carrier.
        overwrite: replace the output if it exists.
        json: print JSON.
    """
    refuse_same([("the output", output)], [("the carrier", carrier), *read])
    check_carrier_ending(output)
    refuse_existing(output, overwrite=overwrite)
    before = open_carrier(carrier)
    after = change(before)
    if not after.is_rounded:
        after = after.rounded(finely=True)
    pictures = [_lost("cover", sample(before), sample(after))]
    pairs = zip(secrets(before), secrets(after), strict=True)
    for number, (old, new) in enumerate(pairs, start=1):
        pictures.append(_lost(f"secret {number}", old, new))
    save(output, after, overwrite=overwrite)
    shares = _changed_shares(before, after)
    if json:
        facts = {"carrier": str(carrier), "output": str(output), "bytes": output.stat().st_size}
        print_result(f"attack {name}", facts | shares | {"pictures": pictures})
        return
    losses = {f"{loss['picture']} PSNR": loss["psnr"] for loss in pictures}
    print_facts(f"{output}, against {carrier}", shares | losses, json=False)


def _changed_shares(before: StegoFunction, after: StegoFunction) -> dict[str, Any]:
    total = changed = zero = 0
    for old, new in zip(before.weights, after.weights, strict=True):
        total += new.weight.size
        changed += int((old.weight != new.weight).sum())
        zero += int((new.weight == 0).sum())
    return {
        "changed_weights": round(changed / total, 4),
        "zero_weights": round(zero / total, 4),
    }


def _lost(name: str, before: Pixels, after: Pixels) -> dict[str, Any]:
    """How far a picture is from what it was: PSNR in dB, None if it is the same."""
    psnr = measure(before, after).psnr
    return {"picture": name, "psnr": None if math.isinf(psnr) else round(psnr, 2)}


app.command("all")(auditing.audit)
app.command()(detecting.weights)
app.command()(detecting.guess)
app.command()(detecting.stegexpose)
