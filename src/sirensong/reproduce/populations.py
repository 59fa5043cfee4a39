"""Functions that several experiments look at: trained once, and kept as carriers beside the results."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from sirensong.carrier import save
from sirensong.reproduce.quality import hidden_and_keys
from sirensong.reproduce.study import Row, Study

POPULATIONS = {"bare": (0, 0), "decoys": (0, 2), "two secrets": (2, 2), "one secret": (1, 2)}  # secrets, functions


def carrier_path(study: Study, name: str, index: int, side: int) -> Path:
    """Where a function of a population is kept."""
    return study.beside("functions", f"{name.replace(' ', '-')}-{side}-{index:03}.safetensors")


def train_function(study: Study, name: str, index: int, side: int) -> Row:
    """Train one function of a population, and keep its carrier.

    The cover is picture `index` of the first data set; secrets are drawn from the last, and so are decoys, as with --decoys FOLDER.
    """
    secrets, functions = POPULATIONS[name]
    others = np.random.default_rng([index, *POPULATIONS[name]]).integers(0, 10_000, secrets + 4)
    cover, *photographs = [
        study.picture(study.sets[0], index, side),
        *(study.picture(study.sets[-1], int(at), side) for at in others),
    ]
    recipe = replace(study.recipe, functions=functions)
    hidden, _ = hidden_and_keys([cover, *photographs[:secrets]], recipe, index, decoys=photographs[secrets:])
    path = carrier_path(study, name, index, side)
    save(path, hidden.stego, overwrite=True)
    return {"path": str(path)}
