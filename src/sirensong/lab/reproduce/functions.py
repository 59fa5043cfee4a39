"""Functions that experiments look at: trained once for all, and kept as carriers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from sirensong.carrier.file import load
from sirensong.hide import Hidden, hide
from sirensong.keys.secret import SecretKey
from sirensong.keys.stream import derive
from sirensong.lab.reproduce.study import Record, Study
from sirensong.network.mask import mask_path, read_mask
from sirensong.network.rendering import Size
from sirensong.pictures.image import Pixels, digest
from sirensong.reveal import reveal, sample
from sirensong.training.options import OnStep, Options
from sirensong.training.recipe import Recipe

POPULATIONS = {
    "bare": (0, 0),
    "decoys": (0, 2),
    "two secrets": (2, 2),
    "one secret": (1, 2),
}
"""How many secrets, and functions besides the stego function, a population's members have."""


def hidden_and_keys(
    study: Study,
    pictures: Sequence[Pixels],
    seed: int,
    *,
    recipe: Recipe | None = None,
    on_step: OnStep | None = None,
) -> tuple[Hidden, list[SecretKey]]:
    """Hide pictures under keys that follow from a seed, as all else does.

    What an experiment before has hidden in the same way is read, unless steps are watched.

    Args:
        study: the settings.
        pictures: the cover, then the secrets.
        seed: of the training and of the keys.
        recipe: how to train, None for the study's recipe.
        on_step: as in `Options`.

    Returns:
        What `hide` made, and the secrets' keys.
    """
    path = _train_once(study, pictures, seed, recipe=recipe, on_step=on_step)
    mask = mask_path(path)
    hidden = Hidden(load(path), read_mask(mask) if mask.exists() else None)
    return hidden, _keys(pictures, seed)


def _train_once(
    study: Study,
    pictures: Sequence[Pixels],
    seed: int,
    *,
    recipe: Recipe | None = None,
    decoys: Sequence[Pixels] = (),
    on_step: OnStep | None = None,
) -> Path:
    """The carrier of what `hidden_and_keys` hides, made if it is not there."""
    recipe = recipe or study.recipe
    name = digest([*pictures, *decoys], (recipe, seed, len(decoys))).hex()[:16]
    path = study.make_path("functions", f"{name}.safetensors")
    if on_step is not None or not path.exists():
        secrets = list(zip(_keys(pictures, seed), pictures[1:], strict=True))
        options = Options(seed=seed, on_step=on_step)
        hidden = hide(pictures[0], secrets, recipe=recipe, options=options, decoys=decoys)
        hidden.save(path, overwrite=True)
    return path


def _keys(pictures: Sequence[Pixels], seed: int) -> list[SecretKey]:
    return [
        SecretKey(derive(seed.to_bytes(8), b"", f"reproduce/{place}"))
        for place in range(len(pictures) - 1)
    ]


def renders_of(hidden: Hidden, keys: Sequence[SecretKey], size: Size | None = None) -> list[Pixels]:
    """Render what anybody sees, then what the holder of each key sees.

    Args:
        hidden: the function, with its mask if it has one.
        keys: the secrets' keys.
        size: (height, width) of the renders, None for the pictures' own.
    """
    stego, mask = hidden.stego, hidden.mask
    secrets = [reveal(stego, key, mask=mask, size=size) for key in keys]
    return [sample(stego, size), *secrets]


def member(study: Study, population: str, index: int, side: int) -> Path:
    """The carrier of one function of a population, trained if it is not there.

    The cover is of the first data set. Secrets are drawn from the last, and so are decoys, as with
    `--decoys FOLDER`.

    Args:
        study: the settings.
        population: its name in POPULATIONS.
        index: of the cover in its data set.
        side: of all pictures, in pixels.
    """
    secrets, functions = POPULATIONS[population]
    drawn = np.random.default_rng([index, secrets, functions]).integers(0, 10_000, secrets + 4)
    cover = study.picture(study.sets[0], index, side)
    photographs = [study.picture(study.sets[-1], int(place), side) for place in drawn]
    return _train_once(
        study,
        [cover, *photographs[:secrets]],
        index,
        recipe=replace(study.recipe, functions=functions),
        decoys=photographs[secrets:],
    )


def keep(study: Study, population: str, index: int, side: int) -> Record:
    """See that a member of a population is there, and say where.

    Args:
        study: the settings.
        population: as in `member`.
        index: as in `member`.
        side: as in `member`.
    """
    return {"path": study.relative(member(study, population, index, side))}
