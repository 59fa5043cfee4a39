"""The stego function as a value: what fits together, and what names it."""

import dataclasses
import hashlib
import io
import itertools
import struct

import numpy as np
import pytest
from PIL import Image

from functions import STEP, unstack
from sirensong.carrier import mapped
from sirensong.carrier.file import dumps, loads
from sirensong.carrier.slots import SLOT_BYTES, SLOTS
from sirensong.carrier.stego import StegoFunction
from sirensong.errors import SettingError
from sirensong.network.lattice import start_codes, tensors
from sirensong.network.rendering import render_uint8
from sirensong.network.siren import Architecture, Layer
from sirensong.network.tiles import Grid


def test_it_keeps_what_it_is_given(stego, architecture, weights, nonce):
    assert stego.architecture is architecture
    assert stego.grid == Grid(1, 1)
    for mine, theirs in zip(unstack(stego.tiles([0]))[0], weights, strict=True):
        np.testing.assert_array_equal(mine.weight, theirs.weight)
        np.testing.assert_array_equal(mine.bias, theirs.bias)
    assert (stego.height, stego.width) == (6, 9)
    assert stego.nonce == nonce
    assert len(stego.slots) == SLOTS * SLOT_BYTES


def test_it_is_frozen(stego):
    with pytest.raises(dataclasses.FrozenInstanceError):
        stego.height = 7


def test_a_repr_is_short_and_shows_no_bytes(stego):
    assert repr(stego) == (
        "StegoFunction(architecture=Architecture(hidden_features=12, hidden_layers=3, omega=20.0), "
        "grid=Grid(rows=1, columns=1), height=6, width=9)"
    )


@pytest.mark.parametrize("side", [0, -1, 65_536])
def test_sides_out_of_range_are_refused(stego, side):
    with pytest.raises(SettingError, match=f"1 to 65535 pixels, got 9x{side}"):
        dataclasses.replace(stego, height=side)
    with pytest.raises(SettingError, match=f"1 to 65535 pixels, got {side}x6"):
        dataclasses.replace(stego, width=side)


@pytest.mark.parametrize(("height", "width"), [(1, 65_535), (65_535, 4), (512, 512), (1, 1)])
def test_sides_at_the_ends_of_the_range_are_taken(stego, height, width):
    assert dataclasses.replace(stego, height=height, width=width).width == width


@pytest.mark.parametrize("size", [(512, 513), (65_535, 5), (65_535, 65_535)])
def test_a_cover_of_too_many_pixels_for_its_tiles_is_refused(stego, size):
    with pytest.raises(SettingError, match="too large for 1x1 tiles of at most 512x512"):
        dataclasses.replace(stego, height=size[0], width=size[1])


@pytest.mark.parametrize("value", [np.nan, np.inf, -1.01e9])
@pytest.mark.parametrize("kind", ["weight", "bias"])
def test_weights_beyond_bounds_are_refused(stego, kind, value):
    """So whatever can be saved can be loaded."""
    layers = list(stego.weights)
    array = getattr(layers[2], kind).copy()
    array.flat[0] = value
    layers[2] = layers[2]._replace(**{kind: array})
    with pytest.raises(SettingError, match="weights of layer 2 must be float32 numbers, finite"):
        dataclasses.replace(stego, weights=tuple(layers))
    array.flat[0] = np.float32(1e9)
    assert dataclasses.replace(stego, weights=tuple(layers)).parameters == stego.parameters


def test_weights_of_another_dtype_are_refused(stego):
    doubled = tuple(Layer(*(array.astype(np.float64) for array in pair)) for pair in stego.weights)
    with pytest.raises(SettingError, match="weights of layer 0 must be float32"):
        dataclasses.replace(stego, weights=doubled)


def test_tiles_are_copies(stego):
    copy = stego.tiles([0])
    copy[0].weight[:] = 0
    assert stego.weights[0].weight.any()


def test_a_notebook_shows_the_cover(stego):
    shown = np.asarray(Image.open(io.BytesIO(stego._repr_png_())))
    np.testing.assert_array_equal(shown, render_uint8(stego, (6, 9)))


@pytest.mark.parametrize(
    "change",
    [
        {"nonce": bytes(31)},
        {"nonce": bytes(33)},
        {"nonce": b""},
        {"slots": bytes(SLOTS * SLOT_BYTES - 1)},
        {"slots": bytes(SLOTS * SLOT_BYTES + 1)},
        {"slots": b""},
    ],
)
def test_a_nonce_or_slots_of_another_size_are_refused(stego, change):
    with pytest.raises(SettingError, match=f"nonce of 32 bytes and 64 slots of {SLOT_BYTES}"):
        dataclasses.replace(stego, **change)


def test_weights_of_other_shapes_are_refused(stego):
    weights = stego.weights
    first, *others = weights
    for wrong in (
        weights[:-1],
        (*weights, weights[-1]),
        weights[::-1],
        (Layer(first.weight.mT, first.bias), *others),
        (Layer(first.weight, first.bias[:, None]), *others),
        (Layer(first.weight, first.bias[:, :-1]), *others),
    ):
        with pytest.raises(SettingError, match="architecture's shapes"):
            dataclasses.replace(stego, weights=wrong)
    with pytest.raises(SettingError, match="architecture's shapes"):
        dataclasses.replace(stego, architecture=Architecture(11, 3))
    with pytest.raises(SettingError, match="architecture's shapes"):
        dataclasses.replace(stego, grid=Grid(1, 2))


def test_codes_count_from_the_start_in_the_first_layer_and_from_zero_in_others(stego, steps, nonce):
    start = start_codes(stego.architecture, steps, nonce, range(1))
    codes = stego.codes()
    for index, (array, own) in enumerate(zip(tensors(stego.weights), codes, strict=True)):
        whole = np.round(array.astype(np.float64) / steps[index]).reshape(1, -1)
        moved = whole - start[index].reshape(1, -1) if index < 2 else whole
        assert own.dtype == np.int16
        np.testing.assert_array_equal(own, moved)


def test_the_digest_is_sha_256_of_steps_and_codes_in_order(stego, steps):
    parts = [struct.pack(f"<{len(steps)}f", *steps)]
    parts += [codes.astype("<i2").tobytes() for codes in stego.codes()]
    expected = hashlib.sha256(b"".join(parts))
    assert stego.digest == expected.digest()
    assert stego.fingerprint == expected.hexdigest()[:16]


def test_what_was_read_knows_its_digest_and_a_copy_finds_its_own(stego, monkeypatch):
    data = dumps(stego)
    read = loads(data)

    def forbidden(*_):
        raise AssertionError("codes were found again")

    with monkeypatch.context() as patched:
        patched.setattr(StegoFunction, "_codes_of", forbidden)
        patched.setattr(StegoFunction, "_holds", forbidden)
        assert (read.digest, read.is_rounded) == (loads(data).digest, True)
    assert read.digest == stego.digest
    half = tuple(Layer(weight + np.float32(STEP / 2.5), bias) for weight, bias in read.weights)
    for changes in ({"weights": half}, {"nonce": bytes(32)}):
        copy, own = (dataclasses.replace(one, **changes) for one in (read, stego))
        assert (copy.digest, copy.is_rounded) == (own.digest, own.is_rounded)
    assert not dataclasses.replace(read, weights=half).is_rounded
    assert dataclasses.replace(read, nonce=bytes(32)).digest != read.digest


def test_the_digest_does_not_depend_on_memory_order_or_byte_order(stego):
    others = tuple(
        Layer(np.asfortranarray(layer.weight), np.asfortranarray(layer.bias))
        for layer in stego.weights
    )
    assert dataclasses.replace(stego, weights=others).digest == stego.digest


@pytest.mark.parametrize("kind", ["weight", "bias"])
@pytest.mark.parametrize("layer", range(4))
def test_the_digest_changes_with_any_code_and_not_within_a_step(stego, steps, layer, kind):
    def moved(by):
        changed = [Layer(part.weight.copy(), part.bias.copy()) for part in stego.weights]
        getattr(changed[layer], kind).flat[-1] += np.float32(by * steps[0])
        return dataclasses.replace(stego, weights=tuple(changed))

    assert moved(1).digest != stego.digest
    assert moved(0.4).digest == stego.digest
    assert moved(1).is_rounded
    assert not moved(0.4).is_rounded
    assert moved(0.4).rounded().is_rounded
    assert moved(0.6).rounded().digest == moved(1).digest


def test_the_digest_changes_with_the_steps(stego, steps):
    coarser = tuple(2 * step for step in steps)
    twice = tuple(Layer(2 * weight, 2 * bias) for weight, bias in stego.weights)
    first = dataclasses.replace(stego, weights=twice, steps=coarser)
    np.testing.assert_array_equal(first.codes()[2], stego.codes()[2])
    assert first.digest != stego.digest


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize("layer", [0, 2])
def test_a_weight_too_many_steps_away_has_no_code(stego, steps, nonce, sign, layer):
    start = start_codes(stego.architecture, steps, nonce, range(1))[0][0, -1, -1]
    base = start if layer == 0 else 0

    def moved(codes):
        changed = [Layer(part.weight.copy(), part.bias.copy()) for part in stego.weights]
        changed[layer].weight.flat[-1] = (base + codes) * steps[0]
        return dataclasses.replace(stego, weights=tuple(changed))

    assert moved(sign * 32_767).codes()[2 * layer][0, -1] == sign * 32_767
    assert moved(sign * 32_767).is_rounded
    far = moved(sign * 32_768)
    with pytest.raises(SettingError, match=f"tensor {2 * layer} is more than 32767 steps away"):
        far.codes()
    assert not far.is_rounded
    assert not far.rounded().is_rounded
    assert far.rounded(finely=True).is_rounded


def test_rounded_weights_are_the_nearest_on_the_lattice(stego, steps):
    rng = np.random.default_rng(1)
    weights = tuple(
        Layer(*(rng.normal(size=array.shape).astype(np.float32) for array in layer))
        for layer in stego.weights
    )
    between = dataclasses.replace(stego, weights=weights)
    rounded = between.rounded()
    assert rounded.steps == steps
    for array, own in zip(tensors(weights), tensors(rounded.weights), strict=True):
        np.testing.assert_array_equal(own, np.round(array.astype(np.float64) * 1024) / 1024)
    assert (rounded.nonce, rounded.slots) == (between.nonce, between.slots)
    assert rounded.digest == between.digest


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_finely_rounded_weights_are_much_nearer_and_have_codes(stego, scale):
    """Of whatever size they are, those of the first layer too, which start where they start."""
    rng = np.random.default_rng(1)
    weights = tuple(
        Layer(*((scale * rng.normal(size=array.shape)).astype(np.float32) for array in layer))
        for layer in stego.weights
    )
    between = dataclasses.replace(stego, weights=weights)
    finely = between.rounded(finely=True)
    assert finely.is_rounded
    assert max(np.abs(codes).max() for codes in finely.codes()) <= 32_767
    begins = 10.0, np.pi, *[0.0] * 6
    for array, own, begin in zip(tensors(weights), tensors(finely.weights), begins, strict=True):
        assert np.abs(own - array).max() <= (np.abs(array).max() + begin) / 32_766


def test_a_layer_of_zeros_is_rounded_finely(stego):
    zeros = tuple(Layer(*map(np.zeros_like, layer)) for layer in stego.weights)
    finely = dataclasses.replace(stego, weights=zeros).rounded(finely=True)
    assert finely.is_rounded
    assert not any(array.any() for array in tensors(finely.weights))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda steps: steps[1:], "expected 8 steps, one for each tensor, got 7"),
        (lambda steps: (*steps, 1.0), "expected 8 steps"),
        (lambda steps: (0.1, *steps[1:]), "float32"),
        (lambda steps: (*steps[1:], 2.0**-41), "steps must be"),
        (lambda steps: (*steps[1:], 1024.0), "steps must be"),
        (lambda steps: (*steps[1:], np.nan), "steps must be"),
        (lambda steps: (*steps[1:], np.inf), "steps must be"),
        (lambda steps: (*steps[1:], 0.0), "steps must be"),
        (lambda steps: (*steps[1:], -0.5), "steps must be"),
        (lambda steps: (2.0**-30, *steps[1:]), "first steps must be larger"),
        (lambda steps: (steps[0], 2.0**-30, *steps[2:]), "first steps must be larger"),
    ],
)
def test_steps_that_cannot_be_are_refused(stego, steps, change, expected):
    with pytest.raises(SettingError, match=expected):
        dataclasses.replace(stego, steps=change(steps))


def test_codes_of_a_mapped_function_are_the_same(stego, monkeypatch):
    """Passed over a few tiles at a time, as large ones are."""
    grid = Grid(1, 5)
    rng = np.random.default_rng(1)
    weights = tuple(
        Layer(*(rng.normal(size=(5, *array.shape[1:])).astype(np.float32) for array in layer))
        for layer in stego.weights
    )
    whole = dataclasses.replace(stego, grid=grid, weights=weights).rounded()
    expected = whole.codes()
    monkeypatch.setattr(mapped, "_PIECE", 1)
    for mine, theirs in zip(whole.codes(), expected, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert whole.is_rounded
    for kind, tile in itertools.product(("weight", "bias"), range(5)):
        for layer in (0, 2):
            changed = [Layer(part.weight.copy(), part.bias.copy()) for part in whole.weights]
            getattr(changed[layer], kind)[tile] += np.float32(STEP / 2)
            assert not dataclasses.replace(whole, weights=tuple(changed)).is_rounded
