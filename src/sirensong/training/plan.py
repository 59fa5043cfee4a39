"""What a hide would make and take, before it is done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sirensong.carrier.header import Header
from sirensong.carrier.mapped import IN_MEMORY
from sirensong.network.siren import Architecture
from sirensong.network.tiles import Grid
from sirensong.training.quality import estimated_bits

if TYPE_CHECKING:
    from sirensong.training.job import Job

_PROGRAM = 300 * 10**6  # bytes that the program takes by itself, PyTorch above all
_LARGEST_SIZE = (65_535, 65_535)  # in pixels; a header takes a few bytes less for others
_OVERHEAD = 400  # bytes of tables and states
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
    """

    grid: Grid
    architecture: Architecture
    parameters: int
    carrier_bytes: int
    memory_bytes: int
    seconds: float


def carrier_bytes(architecture: Architecture, grid: Grid, coarseness: float) -> int:
    """Estimate the size of a carrier.

    Args:
        architecture: of each tile's function.
        grid: of tiles.
        coarseness: factor on the steps of the lattice.
    """
    codes = round(grid.tiles * estimated_bits(architecture, coarseness) / 8)
    return _OVERHEAD + Header(architecture, grid, *_LARGEST_SIZE, coded=codes).file_bytes


def plan_for(job: Job, seconds: float) -> Plan:
    """Estimate what a job makes and takes.

    Args:
        job: settled, but not begun.
        seconds: of training, as measured.
    """
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
        carrier_bytes=carrier_bytes(architecture, grid, job.recipe.coarseness),
        memory_bytes=_PROGRAM + pictures_kept + weights_kept + working,
        seconds=seconds,
    )
