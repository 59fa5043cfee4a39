"""Functions that experiments look at: trained once for all of them, and kept as carriers beside the results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from sirensong.carrier.file import load
from sirensong.hide import Hidden, hide
from sirensong.keys.secret import SecretKey
from sirensong.keys.stream import derive
from sirensong.lab.reproduce.study import Row, Study
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
}  # secrets, functions


def hidden_and_keys(
    study: Study,
    pictures: Sequence[Pixels],
    seed: int,
    *,
    recipe: Recipe | None = None,
    on_step: OnStep | None = None,
) -> tuple[Hidden, list[SecretKey]]:
    """Hide all pictures but the first in it, under keys that follow from the seed, as all else does.

    recipe: the study's if None. What an experiment before has hidden in the same way is read, unless somebody watches.
    """
    path = _trained(pictures, seed, study, recipe or study.recipe, on_step=on_step)
    mask = mask_path(path)
    return Hidden(load(path), read_mask(mask) if mask.exists() else None), _keys(pictures, seed)


def _trained(
    pictures: Sequence[Pixels],
    seed: int,
    study: Study,
    recipe: Recipe,
    *,
    decoys: Sequence[Pixels] = (),
    on_step: OnStep | None = None,
) -> Path:
    """The carrier of what `hidden_and_keys` hides, made if it is not there."""
    path = study.beside(
        "functions",
        f"{digest([*pictures, *decoys], (recipe, seed, len(decoys))).hex()[:16]}.safetensors",
    )
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
    """What anybody sees, then what each key's holder sees."""
    return [
        sample(hidden.stego, size),
        *(reveal(hidden.stego, key, mask=hidden.mask, size=size) for key in keys),
    ]


def member(study: Study, population: str, index: int, side: int) -> Path:
    """The carrier of one function of a population, trained if it is not there.

    The cover is picture `index` of the first data set; secrets are drawn from the last, and so are decoys, as with --decoys FOLDER.
    """
    secrets, functions = POPULATIONS[population]
    others = np.random.default_rng([index, secrets, functions]).integers(0, 10_000, secrets + 4)
    cover, *photographs = [
        study.picture(study.sets[0], index, side),
        *(study.picture(study.sets[-1], int(at), side) for at in others),
    ]
    return _trained(
        [cover, *photographs[:secrets]],
        index,
        study,
        replace(study.recipe, functions=functions),
        decoys=photographs[secrets:],
    )


def keep(study: Study, population: str, index: int, side: int) -> Row:
    """See that a member is there; where, as a row."""
    return {"path": str(member(study, population, index, side))}
