"""What a hide would make and take, before it is done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sirensong.carrier.mapped import IN_MEMORY
from sirensong.network.siren import Architecture
from sirensong.network.tiles import Grid
from sirensong.pictures.image import size_of
from sirensong.training.quality import estimated_bits, expected_psnr, overhead
from sirensong.training.recipe import Recipe

if TYPE_CHECKING:
    from sirensong.training.job import Job

_PROGRAM = 300 * 10**6  # bytes that the program takes by itself, PyTorch above all
_COPIES = 12  # of a function's weights and gradients that a step works on, about
_DECODED = 8  # bytes for each pixel that Pillow needs to decode a picture, turned perhaps


@dataclass(frozen=True)
class Plan:
    """Estimates for one hide.

    Args:
        grid: of tiles.
        architecture: of each tile's function.
        parameters: weights and biases of all tiles.
        carrier_bytes: size of the file.
        memory_bytes: largest memory in use, measuring the result counted in.
        seconds: of training, on this machine.
        psnr: dB that photographs then have, the cover and the worse of two secrets, with the steps
            of the recipe; None for a recipe whose quality was not measured.
    """

    grid: Grid
    architecture: Architecture
    parameters: int
    carrier_bytes: int
    memory_bytes: int
    seconds: float
    psnr: tuple[float, float] | None


def carrier_bytes(recipe: Recipe, height: int, width: int) -> int:
    """Estimate the size of the carrier of a cover of this size in pixels."""
    grid, architecture = recipe.grid(height, width), recipe.architecture(height, width)
    bits = estimated_bits(architecture, recipe.coarseness_of(height, width))
    return overhead(grid, architecture.hidden_layers) + round(grid.tiles * bits / 8)


def plan_for(job: Job, seconds: float) -> Plan:
    """Estimate what a job makes and takes.

    Args:
        job: settled, but not begun.
        seconds: of training, as measured.
    """
    bits = job.recipe.coded_bits(*size_of(job.cover))
    grid, architecture, pictures = job.grid, job.architecture, job.pictures
    parameters = grid.tiles * architecture.parameters
    functions = len(job.groups[0]) * job.functions
    pixels = max(picture.size // 3 for picture in pictures)
    points = pixels / grid.tiles * max(share for _, share in job.recipe.joint.batches)
    activations = 3 * architecture.hidden_layers * architecture.hidden_features * points
    buffers = round(4 * functions * (activations + _COPIES * architecture.parameters))
    layers = [
        4 * grid.tiles * size for out, into in architecture.shapes for size in (out * into, out)
    ]
    weights_kept = sum(size for size in layers if size <= IN_MEMORY)
    pictures_kept = sum(picture.nbytes for picture in pictures)
    working = max(buffers, _DECODED * pixels)
    return Plan(
        grid=grid,
        architecture=architecture,
        parameters=parameters,
        carrier_bytes=carrier_bytes(job.recipe, *size_of(job.cover)),
        memory_bytes=_PROGRAM + pictures_kept + weights_kept + working,
        seconds=seconds,
        psnr=None if bits is None else expected_psnr(bits),
    )
