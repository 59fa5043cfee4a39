"""What each tile's function does where nobody trained it: between pixels, and with other weights.

An attacker knows the cover as far as the function renders it, and needs no gradients but those of
the published function.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sirensong.carrier.stego import StegoFunction
from sirensong.keys.stream import xavier_deviation
from sirensong.lab.steganalysis.significance import Features
from sirensong.lab.steganalysis.statistics import correlation
from sirensong.network.siren import Array, Layer, Weights, evaluate

_SIDE = 32  # pixels in the middle of a tile that are looked at, a side, at most
_LEAST = 4  # a tile of fewer pixels a side is looked at as if it had these
_DRAWS = 6  # random replacements
_RATIO = 0.05  # share of each matrix's weights that is replaced
_LEVELS = 127.5  # of an 8-bit image, for each unit of a function's output
_SALIENCE = (0.05, 0.5, 0.95, 0.999)  # quantiles
_TINY = 1e-12


def response(stego: StegoFunction) -> Features:
    """How each tile's function responds.

    Its smoothness between pixels and its spectrum beyond theirs, the error of its render when
    random weights are replaced, and gradient and curvature of the cover's loss layer by layer.

    Args:
        stego: the published function.

    Returns:
        (tiles, numbers); as many numbers for every function of one architecture.
    """
    axes = _axes(stego)
    pixels = _points(stego.grid.tiles, axes, 1)
    return np.concatenate(
        [
            _between_pixels(stego.weights, axes),
            _replaced(stego.weights, pixels),
            _slopes(stego.weights, pixels),
        ],
        axis=1,
    )


def picture_facts(stego: StegoFunction) -> Features:
    """What each tile shows: brightness, contrast and detail of its render.

    Args:
        stego: the published function.

    Returns:
        6 numbers a tile, (tiles, 6).
    """
    return facts_of(_picture(stego.weights, _axes(stego), 1))


def facts_of(pictures: Features) -> Features:
    """Brightness, contrast and detail of pictures.

    Args:
        pictures: what tiles show, (tiles, rows, columns, 3); 1 is full light and -1 none.

    Returns:
        6 numbers a tile, (tiles, 6).
    """
    steps = [np.diff(pictures, axis=axis) for axis in (1, 2)]
    bends = [np.diff(pictures, 2, axis=axis) for axis in (1, 2)]
    contrast = pictures.std((1, 2)).mean(-1)
    sizes = [contrast, *(_size(change) for change in (*steps, *bends))]
    return np.stack([pictures.mean((1, 2, 3)), *(np.log(size + 1e-4) for size in sizes)], axis=1)


def _size(picture: Features) -> Features:
    return np.asarray(np.sqrt((picture**2).mean((1, 2, 3)) + _TINY), np.float64)


def _axes(stego: StegoFunction) -> tuple[Array, Array]:
    """Pixel centres in the middle of a tile: y and x."""
    grid = stego.grid
    sides = (stego.height // grid.rows, stego.width // grid.columns)
    return _middle(sides[0]), _middle(sides[1])


def _middle(pixels: int) -> Array:
    pixels = max(pixels, _LEAST)
    count = min(pixels, _SIDE)
    first = (pixels - count) // 2
    return ((2 * np.arange(first, first + count) + 1) / pixels - 1).astype(np.float32)


def _finer(axis: Array, factor: int) -> Array:
    """Points on an axis and as many between them as make it so many times as fine."""
    places = np.arange(factor * (len(axis) - 1) + 1) / factor
    return np.interp(places, np.arange(len(axis)), axis).astype(np.float32)


def _points(tiles: int, axes: tuple[Array, Array], factor: int) -> Array:
    y, x = (_finer(axis, factor) for axis in axes)
    points = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    return np.broadcast_to(points, (tiles, *points.shape))


def _picture(weights: Weights, axes: tuple[Array, Array], factor: int) -> Features:
    """What tiles show, (tiles, rows, columns, 3); 1 is full light and -1 none."""
    tiles = len(weights[0].weight)
    output = evaluate(weights, _points(tiles, axes, factor))
    rows, columns = (factor * (len(axis) - 1) + 1 for axis in axes)
    return output.reshape(tiles, rows, columns, 3).astype(np.float64)


def _between_pixels(weights: Weights, axes: tuple[Array, Array]) -> Features:
    """Render twice as fine: what is between pixels against interpolation, and high frequencies."""
    fine = _picture(weights, axes, 2)
    numbers = []
    for picture in (fine, fine.swapaxes(1, 2)):
        pixels, middles = picture[:, ::2, ::2], picture[:, 1::2, ::2]
        surprise = _size(middles - (pixels[:, 1:] + pixels[:, :-1]) / 2)
        step = _size(np.diff(pixels, axis=1))
        half_step = _size(np.diff(picture[:, :, ::2], axis=1))
        bend = _size(np.diff(pixels, 2, axis=1))
        numbers += [surprise, surprise / step, surprise / bend, half_step / step]
    windows = [np.hanning(side + 2)[1:-1] for side in fine.shape[1:3]]
    window = np.outer(*windows)[..., None]
    power = np.abs(np.fft.fft2((fine - fine.mean((1, 2), keepdims=True)) * window, axes=(1, 2)))
    power = (power**2).sum(-1)
    frequencies = [np.abs(np.fft.fftfreq(side)) for side in fine.shape[1:3]]
    highest = np.maximum(*np.meshgrid(*frequencies, indexing="ij"))
    total = power.sum((1, 2)) + _TINY
    for low, high in ((0.125, 0.25), (0.25, 0.375), (0.375, 0.51)):
        numbers.append((power * ((highest >= low) & (highest < high))).sum((1, 2)) / total)
    return np.log(np.stack(numbers, axis=1) + _TINY)


def _replaced(weights: Weights, pixels: Array) -> Features:
    """Replace random weights by random values and by zeros; the draws are the same for all tiles.

    Mean and spread, over the draws, of the logarithm of the render's error, and the mean contrast
    of such renders.
    """
    few = pixels[:, ::3]
    truth = evaluate(weights, few)
    rng = np.random.default_rng(0)
    errors, contrasts = [], []
    for _ in range(_DRAWS):
        for scale in (1.0, 0.0):
            render = evaluate(tuple(_with_other(layer, rng, scale) for layer in weights), few)
            errors.append(np.log(((render - truth) ** 2).mean((1, 2)) + _TINY))
            contrasts.append(np.log(render.std(1).mean(-1) + _TINY))
    found = np.stack(errors, axis=1).reshape(len(truth), _DRAWS, 2).astype(np.float64)
    shown = np.stack(contrasts, axis=1).reshape(len(truth), _DRAWS, 2).astype(np.float64)
    return np.concatenate([found.mean(1), found.std(1), shown.mean(1)], axis=1)


def _with_other(layer: Layer, rng: np.random.Generator, scale: float) -> Layer:
    _, out, into = layer.weight.shape
    count = round(_RATIO * out * into)
    places = rng.choice(out * into, count, replace=False)
    values = rng.normal(0, xavier_deviation(into, out), count)
    changed = layer.weight.reshape(len(layer.weight), -1).copy()
    changed[:, places] = scale * values
    return Layer(changed.reshape(layer.weight.shape), layer.bias)


@dataclass(frozen=True)
class _Pass:
    """A forward pass: what each layer takes in, and the slope of each sine."""

    inputs: list[Array]
    slopes: list[Array]
    output: Array


def _forward(weights: Weights, pixels: Array) -> _Pass:
    *hidden, last = weights
    inputs, slopes = [pixels], []
    for layer in hidden:
        phase = inputs[-1] @ layer.weight.swapaxes(1, 2) + layer.bias[:, None]
        inputs.append(np.sin(phase))
        slopes.append(np.cos(phase))
    output = inputs[-1] @ last.weight.swapaxes(1, 2) + last.bias[:, None]
    return _Pass(inputs, slopes, output)


def _backward(weights: Weights, done: _Pass, ahead: Array) -> list[Array]:
    """Derivatives of `ahead` times the output by each layer's phases, first layer first."""
    deltas = [ahead]
    for layer, slope in zip(weights[:0:-1], done.slopes[::-1], strict=True):
        deltas.append((deltas[-1] @ layer.weight) * slope)
    return deltas[::-1]


def _slopes(weights: Weights, pixels: Array) -> Features:
    """Gradient of the loss against the render in 8 bits, and curvature, of each layer.

    The curvature is the diagonal of the Gauss-Newton matrix, estimated by one random sign for each
    pixel and colour (Hutchinson). Of it: the trace, quantiles in means, how uneven it is, and how
    it goes together with the weights' magnitudes.
    """
    done = _forward(weights, pixels)
    residual = (done.output - np.round(done.output * _LEVELS) / _LEVELS).astype(np.float32)
    signs = np.random.default_rng(1).choice(np.array([-1, 1], np.float32), done.output.shape[1:])
    gradients = _backward(weights, done, residual)
    probes = _backward(weights, done, np.broadcast_to(signs, done.output.shape))
    numbers = []
    for layer, inputs, gradient, probe in zip(weights, done.inputs, gradients, probes, strict=True):
        slope = gradient.swapaxes(1, 2) @ inputs / pixels.shape[1]
        curvature = (probe**2).swapaxes(1, 2) @ inputs**2 / pixels.shape[1]
        numbers.append(_of_curvature(layer.weight, slope, curvature))
    return np.concatenate(numbers, axis=1)


def _of_curvature(weight: Array, slope: Array, curvature: Array) -> Features:
    tiles = len(weight)
    flat = curvature.reshape(tiles, -1).astype(np.float64)
    own = np.abs(weight.reshape(tiles, -1)).astype(np.float64)
    steep = (slope.reshape(tiles, -1).astype(np.float64) ** 2).sum(1)
    mean = flat.mean(1) + _TINY
    salience = flat * own**2
    return np.stack(
        [
            np.log(mean),
            np.log(steep + _TINY) - np.log(mean),
            *np.log(np.quantile(flat, _SALIENCE, axis=1) / mean + _TINY),
            np.log((flat**2).mean(1) / mean**2 + _TINY),
            np.log(salience.mean(1) + _TINY),
            np.log((salience**2).mean(1) / (salience.mean(1) ** 2 + _TINY) + _TINY),
            correlation(np.sqrt(flat), own),
        ],
        axis=1,
    )
