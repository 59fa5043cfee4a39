"""sirensong hide, fit and demo: from photographs to a carrier."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from sirensong.batch import Order
from sirensong.carrier.file import load
from sirensong.cli.arguments import Json, Overwrite, Quiet, open_picture, parse_size
from sirensong.cli.batching import BatchOptions, refuse_single, run_batch
from sirensong.cli.console import out, print_facts, print_note
from sirensong.cli.keys import WHAT, Locked, RecipientOptions, SecretOptions, open_secrets
from sirensong.cli.options import (
    DecoyOptions,
    QualityOptions,
    RunOptions,
    SelectionOptions,
    build_recipe,
    within_bytes,
)
from sirensong.cli.outputs import Files
from sirensong.cli.parsing import with_options
from sirensong.cli.planning import Request, announce, print_plan
from sirensong.cli.progress import training_bar
from sirensong.cli.reporting import print_result, report
from sirensong.cli.running import make
from sirensong.demo import run_demo
from sirensong.errors import FileError, SettingError
from sirensong.keys.secret import LEAST_MEMORY
from sirensong.network.substitution import Selection
from sirensong.pictures.image import size_of
from sirensong.training.capacity import largest_layout
from sirensong.training.options import Options
from sirensong.training.plan import carrier_bytes
from sirensong.training.recipe import FAST
from sirensong.verify import unlike_decoys

_COVER = typer.Argument(help="the cover picture, or - for standard input", show_default=False)

CarrierOutput = Annotated[
    Path,
    typer.Option(
        "--output",
        "-o",
        help="the carrier to write, a .safetensors file",
        show_default=False,
        rich_help_panel=WHAT,
    ),
]


@with_options
def hide(
    output: CarrierOutput,
    secrets: SecretOptions,
    recipients: RecipientOptions,
    quality: QualityOptions,
    selection: SelectionOptions,
    decoys: DecoyOptions,
    run: RunOptions,
    batch: BatchOptions,
    cover: Annotated[Path | None, _COVER] = None,
) -> None:
    """Hide secret pictures in a function that renders the cover, and write it as a carrier.

    What was written is read back with the keys and measured.
    """
    locked = secrets.locked() + recipients.locked()
    if batch.batch is not None:
        single = (
            quality.seconds,
            quality.psnr,
            quality.size_in_bytes,
            run.checkpoint,
            run.resume,
            run.dry_run,
        )
        costlier = secrets.passphrase_memory != LEAST_MEMORY
        refuse_single(cover, locked, *single, run.overwrite, costlier)
        recipe = build_recipe(quality, decoys, selection)
        order = Order(
            recipe=recipe,
            within=_size(quality.size),
            secret_within=_size(selection.secret_size),
            seed=decoys.seed,
            device=run.device,
            decoys=decoys.pictures(recipe),
        )
        run_batch(batch, output, order, json=run.json)
        return
    if cover is None:
        raise SettingError(
            "no cover picture is given",
            hint="sirensong hide COVER --secret KEYFILE=SECRET -o OUTPUT",
        )
    if not locked:
        raise SettingError(
            "no secret picture is given",
            hint="--secret KEYFILE=SECRET or --to RECIPIENT=SECRET; for a carrier without any "
            "there is sirensong fit",
        )
    _hide("hide", cover, locked, output, quality, selection, decoys, run)


@with_options
def fit(
    cover: Annotated[Path, _COVER],
    output: CarrierOutput,
    quality: QualityOptions,
    decoys: DecoyOptions,
    run: RunOptions,
) -> None:
    """Make a carrier that hides nothing, in the same form, and trained the same way with decoys."""
    _hide("fit", cover, [], output, quality, SelectionOptions(), decoys, run)


@with_options
def capacity(
    cover: Annotated[Path, _COVER],
    quality: QualityOptions,
    quiet: Quiet = False,  # noqa: ARG001
    json: Json = False,
) -> None:
    """Say how large hidden files may be, for 1, 2, 4 and 8 secrets of which each is a file."""
    recipe = build_recipe(quality, DecoyOptions(), SelectionOptions())
    opened = open_picture(cover, within=quality.size)
    recipe, size = within_bytes(recipe, quality, opened.rgb), size_of(opened.rgb)
    rooms = {count: largest_layout(recipe, size, count).room for count in (1, 2, 4, 8)}
    if json:
        facts = {"file": str(cover), "bytes": carrier_bytes(recipe, *size)}
        each = [{"secrets": count, "bytes_each": room} for count, room in rooms.items()]
        print_result("capacity", facts | {"capacity": each})
        return
    shown = {f"{count} secrets" if count > 1 else "1 secret": room for count, room in rooms.items()}
    title = f"bytes of each file, in a carrier of about {carrier_bytes(recipe, *size):,} bytes"
    print_facts(title, shown, json=False)


def _size(text: str | None) -> tuple[int, int] | None:
    return None if text is None else parse_size(text)


def _hide(
    command: str,
    cover: Path,
    locked: list[Locked],
    output: Path,
    quality: QualityOptions,
    selection: SelectionOptions,
    decoys: DecoyOptions,
    run: RunOptions,
) -> None:
    """Settle everything that can go wrong before training, then train."""
    started = time.monotonic()
    recipe = build_recipe(quality, decoys, selection)
    masked = bool(locked) and recipe.selection is Selection.MAGNITUDE
    files = Files(output, run.checkpoint, run.resume, run.overwrite, masked)
    options = Options(
        seconds=quality.seconds,
        psnr=quality.psnr,
        seed=decoys.seed,
        device=run.device,
        checkpoint=files.checkpoint,
        resume=run.resume,
    )
    others = decoys.pictures(recipe)
    read = [("the cover", cover), *(file for one in locked for file in one.files())]
    files.check([*read, *(("a decoy", path) for path in others)])
    opened = open_picture(cover, within=quality.size)
    recipe = within_bytes(recipe, quality, opened.rgb)
    secrets = open_secrets(locked, within=selection.secret_size, twice=True)
    request = Request(command, opened, secrets, recipe, others, options)
    _note_larger_secrets(request)
    _note_unlike_decoys(request)
    if run.dry_run:
        print_plan(request, output, json=run.json)
        return
    waited = announce(request, output, ask=not (run.yes or run.resume))
    request = replace(request, options=replace(options, started=started + waited))
    make(request, files, started, json=run.json)


def _note_larger_secrets(request: Request) -> None:
    if request.recipe.hidden_features is not None:
        return
    for secret in request.pictures[1:]:
        if secret.rgb.size > 1.5 * request.cover.rgb.size:
            print_note(
                f"{secret.name} has more pixels than the cover, for which the network is sized; "
                "if quality suffers, raise --hidden-features or give --secret-size"
            )


def _note_unlike_decoys(request: Request) -> None:
    if request.recipe.functions:
        for note in unlike_decoys(request.secrets, request.decoys):
            print_note(note)


def demo(
    output: Annotated[Path, typer.Option("--output", "-o", help="folder to write to")] = Path(
        "demo"
    ),
    steps: Annotated[
        int | None,
        typer.Option(
            "--steps",
            help="training steps of all functions together",
            show_default=str(FAST.joint.steps),
        ),
    ] = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,  # noqa: ARG001
    json: Json = False,
) -> None:
    """Hide two photographs in a third, reveal and measure them, and draw a contact sheet.

    The photographs are scikit-image's.
    """
    started = time.monotonic()
    if output.exists() and not output.is_dir():
        raise FileError(f"cannot write to {output}: it is not a folder")
    with training_bar(2) as on_progress:
        sheet, measured = run_demo(
            output, steps=steps, overwrite=overwrite, on_progress=on_progress
        )
    song = output / "song.safetensors"
    facts = {"seconds": time.monotonic() - started, "sheet": str(sheet)}
    report("demo", song, load(song), measured, json=json, **facts)
    if not json:
        out.print(
            f"{sheet}: original, render, difference x10, and a distorted cover, "
            "which is what a wrong key shows",
            markup=False,
        )
