"""sirensong hide, fit and demo: from photographs to a carrier."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from sirensong.batch import Order
from sirensong.carrier.file import load
from sirensong.cli.arguments import (
    Json,
    Output,
    Overwrite,
    PassphraseFileSecrets,
    PassphraseSecrets,
    Picture,
    SecretOption,
    open_picture,
    open_secrets,
    parse_size,
)
from sirensong.cli.batching import Cluster, Workers, refuse_single, run_batch
from sirensong.cli.console import duration, out, print_facts, print_note, training_bar
from sirensong.cli.measuring import qualities, report
from sirensong.demo import run_demo
from sirensong.errors import FileError, SettingError, StoppedError
from sirensong.files import refuse_existing
from sirensong.hide import discard_checkpoint, plan
from sirensong.hide import hide as train
from sirensong.network.mask import Mask, mask_path, read_mask
from sirensong.pictures.decoys import KINDS
from sirensong.pictures.image import PICTURE_ENDINGS
from sirensong.training.options import Options
from sirensong.training.plan import Plan
from sirensong.training.recipe import RECIPES, Recipe

Cover = Annotated[Path, typer.Argument(help="the cover picture", show_default=False)]
RecipeName = Annotated[str, typer.Option("--recipe", metavar="fast|paper", help="how to train")]
SelectionName = Annotated[
    str | None,
    typer.Option(
        "--selection",
        metavar="keyed|magnitude|random",
        help="which weights a key replaces  [default: the recipe's]",
    ),
]
Ratio = Annotated[
    float | None,
    typer.Option("--ratio", help="share S of the weights that a key replaces  [default: 0.05]"),
]
Features = Annotated[
    int | None,
    typer.Option("--hidden-features", help="width of the network  [default: grows with the cover]"),
]
Layers = Annotated[
    int | None, typer.Option("--hidden-layers", help="depth of the network  [default: 8]")
]
Omega = Annotated[
    float | None,
    typer.Option("--omega", help="frequency of the first layer  [default: the recipe's]"),
]
Within = Annotated[
    str | None,
    typer.Option(
        "--size", metavar="WxH", help="make pictures smaller than this first, keeping their shape"
    ),
]
TileSize = Annotated[
    int | None,
    typer.Option(
        "--tile-size",
        help="side of the tiles that a large picture is cut into, in pixels, about  [default: the recipe's]",
    ),
]
Functions = Annotated[
    int | None,
    typer.Option(
        "--functions",
        help="secret functions to train at least; decoys take the places of missing secrets  [default: the recipe's]",
    ),
]
Decoys = Annotated[
    str | None,
    typer.Option(
        "--decoys",
        metavar="KIND|FOLDER",
        help="photographs, cover, leaves, noise, or a folder  [default: the recipe's]",
    ),
]
Robust = Annotated[
    bool,
    typer.Option(
        "--robust", help="train so that pruned or rounded weights still show the pictures"
    ),
]
Steps = Annotated[
    int | None, typer.Option("--steps", help="joint training steps  [default: the recipe's]")
]
Seconds = Annotated[
    float | None, typer.Option("--seconds", help="time budget, to which the schedule fits itself")
]
Goal = Annotated[
    float | None, typer.Option("--psnr", help="stop early, once every picture has this PSNR in dB")
]
Seed = Annotated[
    int | None,
    typer.Option(
        "--seed", help="make the run repeatable: for experiments, not for what you publish"
    ),
]
Device = Annotated[str, typer.Option("--device", metavar="auto|cpu|cuda", help="where to train")]
StegoWeight = Annotated[
    float | None,
    typer.Option(
        "--stego-weight",
        help="lambda of the stego image in the loss, 0 to 1  [default: the recipe's]",
    ),
]
CheckpointFile = Annotated[
    Path | None,
    typer.Option(
        "--checkpoint", help="where an unfinished run is kept  [default: OUTPUT.checkpoint]"
    ),
]
DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        help="say what would be made, how long it takes, how much memory; write nothing",
    ),
]
Resume = Annotated[
    bool, typer.Option("--resume", help="go on from the checkpoint of a run that was stopped")
]

BatchFile = Annotated[
    Path | None,
    typer.Option("--batch", help="a CSV list of jobs: output,cover,secrets; -o is then a folder"),
]


def hide(
    output: Output,
    cover: Annotated[
        Path | None, typer.Argument(help="the cover picture", show_default=False)
    ] = None,
    secret: SecretOption = None,
    passphrase: PassphraseSecrets = None,
    passphrase_file: PassphraseFileSecrets = None,
    recipe: RecipeName = "fast",
    selection: SelectionName = None,
    ratio: Ratio = None,
    hidden_features: Features = None,
    hidden_layers: Layers = None,
    omega: Omega = None,
    tile_size: TileSize = None,
    functions: Functions = None,
    decoys: Decoys = None,
    robust: Robust = False,
    size: Within = None,
    steps: Steps = None,
    seconds: Seconds = None,
    psnr: Goal = None,
    seed: Seed = None,
    device: Device = "auto",
    stego_weight: StegoWeight = None,
    checkpoint: CheckpointFile = None,
    resume: Resume = False,
    dry_run: DryRun = False,
    batch: BatchFile = None,
    workers: Workers = None,
    cluster: Cluster = None,
    overwrite: Overwrite = False,
    json: Json = False,
) -> None:
    """Hide secret pictures in a function that renders the cover, and write it as a carrier."""
    started = time.monotonic()
    settings = _Settings(
        recipe,
        selection,
        ratio,
        hidden_features,
        hidden_layers,
        omega,
        tile_size,
        functions,
        decoys,
        robust,
        steps,
        stego_weight,
    )
    if batch is not None:
        refuse_single(
            cover,
            secret,
            passphrase,
            passphrase_file,
            seconds,
            psnr,
            checkpoint,
            resume,
            dry_run,
            overwrite,
        )
        order = Order(
            settings.build(),
            None if size is None else parse_size(size),
            seed,
            device,
            tuple(settings.decoy_pictures()),
        )
        run_batch(batch, output, order, workers=workers, cluster=cluster, json=json)
        return
    if cover is None:
        raise SettingError(
            "no cover picture is given",
            hint="sirensong hide COVER --secret KEYFILE=PICTURE -o OUTPUT",
        )
    if not (secret or passphrase or passphrase_file):
        raise SettingError(
            "no secret picture is given",
            hint="--secret KEYFILE=PICTURE; for a carrier without any there is sirensong fit",
        )
    files = _Files(
        output,
        checkpoint,
        resume,
        overwrite,
        mask=selection == "magnitude" or (recipe == "paper" and selection is None),
    )
    files.check()
    pictures = [
        open_picture(cover, within=size),
        *open_secrets(secret, passphrase, passphrase_file, within=size, twice=True),
    ]
    options = Options(seconds=seconds, psnr=psnr, started=started, seed=seed, device=device)
    _plan_or_train(pictures, files, settings, options, dry_run=dry_run, json=json)


def fit(
    cover: Cover,
    output: Output,
    recipe: RecipeName = "fast",
    hidden_features: Features = None,
    hidden_layers: Layers = None,
    omega: Omega = None,
    tile_size: TileSize = None,
    functions: Functions = None,
    decoys: Decoys = None,
    robust: Robust = False,
    size: Within = None,
    steps: Steps = None,
    seconds: Seconds = None,
    psnr: Goal = None,
    seed: Seed = None,
    device: Device = "auto",
    checkpoint: CheckpointFile = None,
    resume: Resume = False,
    dry_run: DryRun = False,
    overwrite: Overwrite = False,
    json: Json = False,
) -> None:
    """Make a carrier that hides nothing, in the same form, and trained the same way with decoys."""
    started = time.monotonic()
    files = _Files(output, checkpoint, resume, overwrite, mask=False)
    files.check()
    settings = _Settings(
        recipe,
        None,
        None,
        hidden_features,
        hidden_layers,
        omega,
        tile_size,
        functions,
        decoys,
        robust,
        steps,
        None,
    )
    options = Options(seconds=seconds, psnr=psnr, started=started, seed=seed, device=device)
    _plan_or_train(
        [open_picture(cover, within=size)], files, settings, options, dry_run=dry_run, json=json
    )


def demo(
    output: Annotated[Path, typer.Option("--output", "-o", help="folder to write to")] = Path(
        "demo"
    ),
    steps: Steps = None,
    overwrite: Overwrite = False,
) -> None:
    """Hide two of scikit-image's photographs in a third, reveal and measure them, and draw a contact sheet."""
    if output.exists() and not output.is_dir():
        raise FileError(f"cannot write to {output}: it is no folder")
    with training_bar(2) as on_progress:
        sheet, rows = run_demo(output, steps=steps, overwrite=overwrite, on_progress=on_progress)
    report(output / "song.safetensors", rows, json=False)
    out.print(
        f"{sheet}: original, render, difference x10, and what a wrong key shows", markup=False
    )


@dataclass(frozen=True)
class _Files:
    """What a hide writes: the carrier, perhaps a mask beside it, and a checkpoint while it runs."""

    output: Path
    given_checkpoint: Path | None
    resume: bool
    overwrite: bool
    mask: bool

    @property
    def checkpoint(self) -> Path:
        return self.given_checkpoint or self.output.with_name(self.output.name + ".checkpoint")

    def check(self) -> None:
        """Refuse what cannot be written before any work is done."""
        for path in (self.output, mask_path(self.output)) if self.mask else (self.output,):
            refuse_existing(path, overwrite=self.overwrite)
        if self.resume and not self.checkpoint.exists():
            raise FileError(f"nothing to resume: no checkpoint {self.checkpoint}")
        if not self.resume and self.checkpoint.exists() and not self.overwrite:
            raise FileError(
                f"{self.checkpoint} exists: an unfinished run",
                hint="--resume goes on with it, --overwrite begins anew",
            )
        refuse_existing(self.checkpoint, overwrite=True)


@dataclass(frozen=True)
class _Settings:
    """What the command line says of recipe and network; None where it says nothing."""

    recipe: str
    selection: str | None
    ratio: float | None
    hidden_features: int | None
    hidden_layers: int | None
    omega: float | None
    tile_size: int | None
    functions: int | None
    decoys: str | None
    robust: bool
    steps: int | None
    stego_weight: float | None

    def decoy_pictures(self) -> list[Path]:
        """The pictures of a folder to take decoys from, none for decoys that are made."""
        if self.decoys is None or self.decoys in KINDS:
            return []
        folder = Path(self.decoys)
        if not folder.is_dir():
            raise SettingError(
                f"decoys are {', '.join(KINDS)} or a folder of pictures, got {self.decoys}"
            )
        found = sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURE_ENDINGS)
        if not found:
            raise FileError(f"no pictures in {folder}")
        return found

    def build(self) -> Recipe:
        """The recipe."""
        if self.recipe not in RECIPES:
            raise SettingError(f"recipe is {' or '.join(RECIPES)}, got {self.recipe}")
        changes: dict[str, Any] = {
            "selection": self.selection,
            "ratio": self.ratio,
            "stego_weight": self.stego_weight,
            "omega": self.omega,
            "tile": self.tile_size,
            "functions": self.functions,
            "decoys": self.decoys if self.decoys in KINDS else None,
        }
        changes |= {"hidden_features": self.hidden_features, "hidden_layers": self.hidden_layers}
        recipe = replace(
            RECIPES[self.recipe],
            **{name: value for name, value in changes.items() if value is not None},
        )
        recipe = recipe.with_steps(self.steps)
        return recipe.robust() if self.robust else recipe


def _plan_or_train(
    pictures: list[Picture],
    files: _Files,
    settings: _Settings,
    options: Options,
    *,
    dry_run: bool,
    json: bool,
) -> None:
    if options.seconds is not None and settings.steps is not None:
        raise SettingError("--seconds and --steps exclude each other")
    _note_larger_secrets(pictures, settings)
    arguments = _arguments(pictures, settings)
    if dry_run:
        _print_plan(files.output, plan(**arguments, options=options), json=json)
        return
    mask = _train(files, arguments, options)
    discard_checkpoint(files.checkpoint)
    report(files.output, qualities(load(files.output), pictures, mask), json=json)


def _arguments(pictures: list[Picture], settings: _Settings) -> dict[str, Any]:
    """What `hide` and `plan` take."""
    cover, *secrets = pictures
    pairs = [(picture.key, picture.rgb) for picture in secrets if picture.key is not None]
    decoys = settings.decoy_pictures()
    return {
        "cover": cover.rgb,
        "secrets": pairs,
        "recipe": settings.build(),
        "decoys": decoys,
    }


def _note_larger_secrets(pictures: list[Picture], settings: _Settings) -> None:
    cover, *secrets = pictures
    for secret in secrets:
        if secret.rgb.size > 1.5 * cover.rgb.size and settings.hidden_features is None:
            print_note(
                f"{secret.name} has more pixels than the cover, by which the network's size goes; --hidden-features enlarges it"
            )


def _print_plan(output: Path, planned: Plan, *, json: bool) -> None:
    grid, network = planned.grid, planned.architecture
    facts = {
        "tiles": f"{grid.columns}x{grid.rows}",
        "hidden_features": network.hidden_features,
        "hidden_layers": network.hidden_layers,
        "parameters": planned.parameters,
        "bytes": planned.carrier_bytes,
        "memory_bytes": planned.memory_bytes,
        "seconds": round(planned.seconds, 1),
    }
    print_facts(
        f"{output} would be",
        facts if json else facts | {"seconds": duration(planned.seconds)},
        json=json,
    )


def _train(files: _Files, arguments: dict[str, Any], options: Options) -> Mask | None:
    """Train and write the carrier. Returns its mask, read back as a receiver would, if it has one."""
    try:
        with training_bar(len(arguments["secrets"])) as on_progress:
            options = replace(
                options,
                checkpoint=files.checkpoint,
                resume=files.resume,
                on_progress=on_progress,
            )
            hidden = train(**arguments, options=options)
    except KeyboardInterrupt:
        kept = files.checkpoint.exists()
        raise StoppedError(
            "interrupted", hint="the same command with --resume goes on from here" if kept else None
        ) from None
    written = hidden.save(files.output, overwrite=files.overwrite)
    if written is None:
        return None
    dense = hidden.stego.grid.tiles * hidden.stego.architecture.matrix_entries // 8
    print_note(
        f"{written}: {written.stat().st_size} bytes (the dense mask is {dense}); whoever has it sees outlines of the secrets"
    )
    return read_mask(written)
