"""From photographs and keys to one stego function: the four steps of section 3, in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sirensong.carrier.file import save
from sirensong.carrier.stego import StegoFunction
from sirensong.errors import SettingError
from sirensong.files import StrPath
from sirensong.keys.secret import Key
from sirensong.network.mask import Mask, mask_path, write_mask
from sirensong.network.siren import Architecture
from sirensong.network.tiles import Grid, grid_for
from sirensong.pictures.image import RGB, ImageLike, read_picture
from sirensong.training.loading import loading
from sirensong.training.options import Options
from sirensong.training.plan import Plan
from sirensong.training.recipe import FAST, Recipe, architecture_for

if TYPE_CHECKING:
    from sirensong.training.run import Run

LARGEST_TILE = 512 * 512  # pixels that one network is trained for

Secrets = Mapping[Key, ImageLike] | Sequence[tuple[Key, ImageLike]]


@dataclass(frozen=True)
class Hidden:
    """What `hide` makes. stego: to publish. mask: of magnitude selection, which is confidential; None otherwise."""

    stego: StegoFunction
    mask: Mask | None = field(default=None, repr=False)

    def save(self, path: StrPath, *, overwrite: bool = False) -> Path | None:
        """Write the carrier, after its mask if it has one: to the same name, ending in .mask. Returns the mask's path."""
        if self.mask is not None:
            write_mask(mask_path(path), self.mask, overwrite=overwrite)
        save(path, self.stego, overwrite=overwrite)
        return None if self.mask is None else mask_path(path)


def hide(
    cover: ImageLike,
    secrets: Secrets,
    *,
    recipe: Recipe = FAST,
    architecture: Architecture | None = None,
    grid: Grid | None = None,
    decoys: Sequence[ImageLike] = (),
    **options: Any,
) -> Hidden:
    """Train a function that renders the cover as published, and each secret with its key (section 3).

    cover, secrets: paths, PIL images or arrays, of any sizes; up to 64 secrets, each with a key of its own. recipe: FAST, PAPER, or
    one made from them with `dataclasses.replace`. grid: tiles in rows and columns; by default the cover's tiles are of about the
    size that the recipe says. architecture: of each tile's function; by default as large as a tile of the cover asks. decoys:
    pictures of which some are trained for where there are fewer secrets than the recipe's functions; by default they are made.
    options: the fields of Options.

    Raises SettingError for settings, keys or picture sizes that cannot be, FileError or FormatError for files that cannot be
    read, MissingDependencyError without torch.
    """
    run = _prepare(
        cover,
        secrets,
        recipe=recipe,
        architecture=architecture,
        grid=grid,
        decoys=decoys,
        **options,
    )
    for part in run.parts():
        cover_functions = part.represent_cover()
        masks = part.select_weights(cover_functions)
        substitutions = part.substitute_secret_weights(masks)
        run.keep(part, part.train_jointly(cover_functions, masks, substitutions), masks)
    return Hidden(*run.publish())


def plan(cover: ImageLike, secrets: Secrets, **arguments: Any) -> Plan:
    """Say what `hide` would make of the same arguments, and what it would take: a second's training is timed for that."""
    return _prepare(cover, secrets, **arguments | {"checkpoint": None, "resume": False}).plan()


def _prepare(
    cover: ImageLike,
    secrets: Secrets,
    *,
    recipe: Recipe = FAST,
    architecture: Architecture | None = None,
    grid: Grid | None = None,
    decoys: Sequence[ImageLike] = (),
    **options: Any,
) -> Run:
    chosen = Options(**options)
    pairs = list(secrets.items() if isinstance(secrets, Mapping) else secrets)
    pictures = [read_picture(image).rgb for image in (cover, *(image for _, image in pairs))]
    height, width = pictures[0].shape[:2]
    grid = grid or grid_for(height, width, recipe.tile)
    check_tiles(pictures, grid)
    architecture = architecture or architecture_for(recipe, height, width, grid)
    with loading("hiding"):
        from sirensong.training.run import Run
    return Run(pictures, [key for key, _ in pairs], recipe, architecture, grid, chosen, decoys)


def fit(cover: ImageLike, *, recipe: Recipe = FAST, **settings: Any) -> StegoFunction:
    """Train a function that hides nothing: of the cover, and of decoys, as many as the recipe's functions.

    Takes what `hide` takes, trains as many steps, and its carrier has the same form. With `functions=0` in the recipe it is the
    cover's alone, as any publisher of an implicit representation makes it (Eq. 2).
    """
    return hide(cover, (), recipe=recipe, **settings).stego


def discard_checkpoint(path: StrPath) -> None:
    """Delete a run's checkpoint, once its result is safe. Raises FileError if it cannot be deleted."""
    from sirensong.training.checkpoint import discard

    discard(path)


def check_tiles(pictures: Sequence[RGB], grid: Grid) -> None:
    """Raise SettingError if a picture has too few pixels for so many tiles, or too many."""
    for picture in pictures:
        height, width = picture.shape[:2]
        if height < grid.rows or width < grid.columns:
            raise SettingError(
                f"a picture of {width}x{height} pixels is too small for {grid.columns}x{grid.rows} tiles",
                hint="larger tiles are fewer: --tile-size",
            )
        if height * width > LARGEST_TILE * grid.tiles:
            raise SettingError(
                f"a picture of {width}x{height} pixels is too large for {grid.columns}x{grid.rows} tiles of at most 512x512",
                hint="make it smaller with --size, or tiles more with --tile-size",
            )
