"""What a hide would make and take, before it is done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sirensong.carrier.mapped import IN_MEMORY
from sirensong.network.siren import Architecture
from sirensong.network.tiles import Grid
from sirensong.pictures.image import RGB
from sirensong.training.recipe import Recipe

_PROGRAM = 300 * 10**6  # bytes that the program takes by itself, PyTorch above all
_HEADER = 4000  # bytes of a carrier that are not weights, about
_COPIES = 12  # of a function's weights and gradients that a step works on, about
_DECODED = 8  # bytes a pixel that Pillow needs to decode a picture, turned perhaps


@dataclass(frozen=True)
class Plan:
    """Estimates for one hide.

    parameters: weights and biases of all tiles. carrier_bytes: of the file. memory_bytes: at most, while it runs, and when the
    pictures are measured after it. seconds: of training, on this machine.
    """

    grid: Grid
    architecture: Architecture
    parameters: int
    carrier_bytes: int
    memory_bytes: int
    seconds: float


def plan_for(
    pictures: Sequence[RGB],
    recipe: Recipe,
    architecture: Architecture,
    grid: Grid,
    tiles_at_once: int,
    seconds: float,
) -> Plan:
    """Put a plan together. tiles_at_once: how many are trained together. seconds: of training, as measured."""
    parameters = grid.tiles * architecture.parameters
    functions = tiles_at_once * len(pictures)
    pixels = max(picture.size // 3 for picture in pictures)
    points = pixels / grid.tiles * max(share for _, share in recipe.batches or ((0, 1.0),))
    activations = 3 * architecture.hidden_layers * architecture.hidden_features * points
    layers = [
        4 * grid.tiles * size for out, into in architecture.shapes for size in (out * into, out)
    ]
    pixels_kept = sum(picture.nbytes for picture in pictures if isinstance(picture, np.ndarray))
    kept = sum(size for size in layers if size <= IN_MEMORY)
    buffers = round(4 * functions * (activations + _COPIES * architecture.parameters))
    return Plan(
        grid,
        architecture,
        parameters,
        carrier_bytes=4 * parameters + _HEADER,
        memory_bytes=_PROGRAM + pixels_kept + kept + max(buffers, _DECODED * pixels),
        seconds=seconds,
    )
