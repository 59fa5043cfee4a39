"""The options of `hide` and `fit`, as groups of values that are parsed once."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from sirensong.cli.arguments import RUNNING, Json, Overwrite, Quiet
from sirensong.cli.decoys import PoolFolder, pool_or_note
from sirensong.errors import FileError, SettingError
from sirensong.pictures.decoys import KINDS
from sirensong.pictures.image import RGB, size_of
from sirensong.pictures.writing import PICTURE_ENDINGS
from sirensong.training.options import DEVICES
from sirensong.training.quality import QUALITIES
from sirensong.training.recipe import RECIPES, Recipe, find_recipe

QUALITY_PANEL, SECRECY = "Size and quality", "Secrecy"

_quality = functools.partial(typer.Option, rich_help_panel=QUALITY_PANEL)
_secrecy = functools.partial(typer.Option, rich_help_panel=SECRECY)
_running = functools.partial(typer.Option, rich_help_panel=RUNNING)


def _default(of: Callable[[Recipe], object]) -> str:
    """What an option is if it is not given, where each recipe has its own."""
    values = {name: str(of(recipe)) for name, recipe in RECIPES.items()}
    if len(set(values.values())) == 1:
        return values.popitem()[1]
    return ", ".join(f"{name}: {value}" for name, value in values.items())


def _features(recipe: Recipe) -> str:
    by_bits = recipe.bits is not None
    return "by the quality" if by_bits else f"{recipe.features:g} times a tile's side"


def _omega(recipe: Recipe) -> str:
    return "by the tile's side" if recipe.omega is None else f"{recipe.omega:g}"


def _tile(recipe: Recipe) -> str:
    return "the whole picture" if recipe.bits is None else "by the quality"


def _stego_weight(recipe: Recipe) -> str:
    return f"{recipe.emphasis:g} times a secret's"


@dataclass(frozen=True)
class QualityOptions:
    """How large a cover is made, and how well it is trained."""

    size: Annotated[
        str | None,
        _quality(
            "--size",
            metavar="WxH",
            help="make the cover smaller than this first, keeping its shape",
            show_default="the picture's own",
        ),
    ] = None
    quality: Annotated[
        str | None,
        _quality(
            "--quality",
            metavar="|".join([*QUALITIES, "dB"]),
            help="how good the pictures are to be, and so how large the carrier",
            show_default="standard",
        ),
    ] = None
    bits_per_pixel: Annotated[
        float | None,
        _quality(
            "--bits-per-pixel",
            help="size of the carrier for each pixel of the cover, in place of a quality",
            show_default="none",
        ),
    ] = None
    size_in_bytes: Annotated[
        int | None,
        _quality("--bytes", help="size of the carrier, in place of a quality", show_default="none"),
    ] = None
    recipe: Annotated[str, _quality("--recipe", metavar="|".join(RECIPES), help="how to train")] = (
        "fast"
    )
    steps: Annotated[
        int | None,
        _quality(
            "--steps",
            help="training steps of all functions together",
            show_default=_default(lambda recipe: recipe.joint.steps),
        ),
    ] = None
    seconds: Annotated[
        float | None,
        _quality("--seconds", help="a time budget in place of steps", show_default="none"),
    ] = None
    psnr: Annotated[
        float | None,
        _quality(
            "--psnr",
            help="stop early, once every picture has this PSNR in dB",
            show_default="none",
        ),
    ] = None
    robust: Annotated[
        bool,
        _quality(
            "--robust", help="train so that pruned or rounded weights still show the pictures"
        ),
    ] = False
    tile_size: Annotated[
        int | None,
        _quality(
            "--tile-size",
            help="approximate side of the tiles of a large picture, in pixels",
            show_default=_default(_tile),
        ),
    ] = None
    hidden_features: Annotated[
        int | None,
        _quality(
            "--hidden-features",
            help="width of each tile's network",
            show_default=_default(_features),
        ),
    ] = None
    hidden_layers: Annotated[
        int | None,
        _quality(
            "--hidden-layers",
            help="depth of each tile's network",
            show_default=_default(lambda recipe: recipe.hidden_layers),
        ),
    ] = None
    omega: Annotated[
        float | None,
        _quality(
            "--omega", help="frequency of the network's first layer", show_default=_default(_omega)
        ),
    ] = None


@dataclass(frozen=True)
class SelectionOptions:
    """What only those say who hide a secret: its size, and the weights that a key replaces."""

    secret_size: Annotated[
        str | None,
        _quality(
            "--secret-size",
            metavar="WxH",
            help="make secret pictures smaller than this first, keeping their shape",
            show_default="each picture's own",
        ),
    ] = None
    stego_weight: Annotated[
        float | None,
        _quality(
            "--stego-weight",
            help="weight of the cover in the loss, above 0 and below 1",
            show_default=_default(_stego_weight),
        ),
    ] = None
    selection: Annotated[
        str | None,
        _secrecy(
            "--selection",
            metavar="keyed|magnitude|random",
            help="which weights a key replaces",
            show_default=_default(lambda recipe: recipe.selection),
        ),
    ] = None
    ratio: Annotated[
        float | None,
        _secrecy(
            "--ratio",
            help="share S of the weights that a key replaces",
            show_default=_default(lambda recipe: f"{recipe.share:g}"),
        ),
    ] = None


@dataclass(frozen=True)
class DecoyOptions:
    """What makes carriers alike, whatever they hide."""

    functions: Annotated[
        int | None,
        _secrecy(
            "--functions",
            help="secret functions to train at least: 2, 4, 8, 16, 32 or 64, whichever holds them "
            "and the secrets; decoys take the places that are left",
            show_default=_default(lambda recipe: recipe.functions),
        ),
    ] = None
    decoys: Annotated[
        str | None,
        _secrecy(
            "--decoys",
            metavar="KIND|FOLDER",
            help=f"what decoys are: {', '.join(KINDS)}, or a folder of pictures",
            show_default="your pool (sirensong decoys), else photographs that are made",
        ),
    ] = None
    pool: PoolFolder = None
    seed: Annotated[
        int | None,
        _secrecy(
            "--seed",
            help="make the run repeatable: for experiments, not for what you publish",
            show_default="random",
        ),
    ] = None

    def pictures(self, recipe: Recipe) -> Sequence[Path]:
        """The pool or the pictures of a folder to take decoys from, none for decoys that are made.

        Args:
            recipe: says whether there are decoys at all.

        Raises:
            SettingError: there is neither such a kind nor such a folder.
            FileError: the folder has no pictures, or the pool cannot be read.
        """
        if self.decoys is None and recipe.functions:
            return pool_or_note(self.pool) or ()
        if self.decoys is None or self.decoys in KINDS:
            return ()
        folder = Path(self.decoys)
        if not folder.is_dir():
            raise SettingError(
                f"decoys are {', '.join(KINDS)} or a folder of pictures, got {self.decoys}"
            )
        found = sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURE_ENDINGS)
        if not found:
            raise FileError(f"no pictures in {folder}")
        return found


@dataclass(frozen=True)
class RunOptions:
    """How the run goes, whatever it makes."""

    device: Annotated[
        str, _running("--device", metavar="|".join(DEVICES), help="where to train")
    ] = "auto"
    checkpoint: Annotated[
        Path | None,
        _running(
            "--checkpoint",
            help="where an unfinished run is kept",
            show_default="OUTPUT.checkpoint",
        ),
    ] = None
    resume: Annotated[
        bool, _running("--resume", help="go on from the checkpoint of a run that was stopped")
    ] = False
    dry_run: Annotated[
        bool,
        _running(
            "--dry-run",
            help="say what would be made, how long it takes, how much memory; write nothing",
        ),
    ] = False
    yes: Annotated[
        bool, _running("--yes", "-y", help="do not ask before a large carrier or a long run")
    ] = False
    overwrite: Overwrite = False
    quiet: Quiet = False
    json: Json = False


def build_recipe(
    quality: QualityOptions,
    decoys: DecoyOptions,
    selection: SelectionOptions = SelectionOptions(),
) -> Recipe:
    """Put together the recipe that the options describe, but for `--bytes`.

    Raises:
        SettingError: there is no such recipe, or a value is out of range.
    """
    if quality.seconds is not None and quality.steps is not None:
        raise SettingError("--seconds and --steps exclude each other")
    changes: dict[str, Any] = {
        "selection": selection.selection,
        "ratio": selection.ratio,
        "stego_weight": selection.stego_weight,
        "omega": quality.omega,
        "tile": quality.tile_size,
        "hidden_features": quality.hidden_features,
        "hidden_layers": quality.hidden_layers,
        "functions": decoys.functions,
        "decoys": decoys.decoys if decoys.decoys in KINDS else None,
    }
    given = {name: value for name, value in changes.items() if value is not None}
    recipe = replace(find_recipe(quality.recipe), **given).with_steps(quality.steps)
    recipe = _at_quality(recipe, quality)
    return recipe.robust() if quality.robust else recipe


def _at_quality(recipe: Recipe, options: QualityOptions) -> Recipe:
    asked = options.quality, options.bits_per_pixel, options.size_in_bytes
    if sum(value is not None for value in asked) > 1:
        raise SettingError("--quality, --bits-per-pixel and --bytes exclude each other")
    if options.bits_per_pixel is not None:
        return replace(recipe, bits=options.bits_per_pixel, whole_file=True)
    if options.quality is None:
        return recipe
    try:
        return recipe.at(float(options.quality))
    except ValueError:
        return recipe.at(options.quality)


def within_bytes(recipe: Recipe, options: QualityOptions, cover: RGB) -> Recipe:
    """The recipe for a carrier of the size that `--bytes` asks for, if it does."""
    if options.size_in_bytes is None:
        return recipe
    height, width = size_of(cover)
    return replace(recipe, bits=8 * options.size_in_bytes / (height * width), whole_file=True)
