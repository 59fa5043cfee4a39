"""The stego function as a value: what fits together, and what names it."""

import dataclasses
import hashlib
import io

import numpy as np
import pytest
from PIL import Image

from functions import unstack
from sirensong.carrier.stego import weights_digest
from sirensong.errors import SettingError
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
    assert len(stego.slots) == 64 * 16


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
        {"slots": bytes(1023)},
        {"slots": bytes(1025)},
        {"slots": b""},
    ],
)
def test_a_nonce_or_slots_of_another_size_are_refused(stego, change):
    with pytest.raises(SettingError, match="nonce of 32 bytes and 64 slots of 16"):
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
        dataclasses.replace(stego, architecture=Architecture(12, 4))
    with pytest.raises(SettingError, match="architecture's shapes"):
        dataclasses.replace(stego, grid=Grid(1, 2))


def test_the_digest_is_sha_256_of_weights_and_biases_in_order(stego, weights):
    parts = [
        array.ravel().astype("<f4").tobytes()
        for layer in weights
        for array in (layer.weight, layer.bias)
    ]
    expected = hashlib.sha256(b"".join(parts))
    assert stego.digest == weights_digest(weights) == expected.digest()
    assert stego.fingerprint == expected.hexdigest()[:16]


def test_the_digest_does_not_depend_on_memory_order_or_byte_order(weights):
    others = tuple(
        Layer(np.asfortranarray(layer.weight).astype(">f4"), layer.bias.astype(">f4"))
        for layer in weights
    )
    assert weights_digest(others) == weights_digest(weights)


@pytest.mark.parametrize("kind", ["weight", "bias"])
@pytest.mark.parametrize("layer", range(4))
def test_the_digest_changes_with_any_value(weights, layer, kind):
    changed = [Layer(part.weight.copy(), part.bias.copy()) for part in weights]
    values = getattr(changed[layer], kind)
    values.flat[-1] = np.nextafter(values.flat[-1], np.float32(9))
    assert weights_digest(tuple(changed)) != weights_digest(weights)
