"""Fine-tuning on the cover: its first step against autograd, and what it costs whom."""

import numpy as np
import pytest
import torch

from functions import initial, unstack
from sirensong.carrier.slots import Slot
from sirensong.errors import NoPictureError, SettingError
from sirensong.keys.secret import SecretKey
from sirensong.lab.finetuning import finetune
from sirensong.network.siren import evaluate
from sirensong.network.substitution import Selection
from sirensong.network.tiles import Grid
from sirensong.pictures.metrics import measure
from sirensong.reveal import reveal, sample, unlock
from sirensong.training import device

RATE = 1e-3


@pytest.fixture
def song(make_stego, architecture, key):
    functions = [initial(architecture, np.random.default_rng(seed)) for seed in range(2)]
    return make_stego(
        [(key, Slot(Selection.KEYED, 0.1, 6, 9, bytes(6)))], weights=functions, grid=Grid(1, 2)
    )


@pytest.fixture
def picture():
    y, x = np.mgrid[:12, :18] / 18
    return np.stack([x, y, 1 - x], axis=-1).astype(np.float32)


def test_the_first_step_is_adams_on_the_squared_error(song, picture):
    """Adam's first step is the rate along the gradient's sign.

    The gradient is autograd's, of Eq. 2 over one tile's pixels.
    """
    tuned = finetune(song, picture, 1, rate=RATE)
    for tile in range(2):
        patch = song.grid.patch(tile, picture.shape[:2])
        layers = [
            tuple(torch.from_numpy(array.copy()).requires_grad_() for array in layer)
            for layer in unstack(song.tiles([tile]))[0]
        ]
        colours = torch.from_numpy(picture[patch.rows, patch.columns].reshape(-1, 3) * 2 - 1)
        (evaluate(layers, torch.from_numpy(patch.coords)) - colours).square().mean().backward()
        for layer, before, after in zip(
            layers, *(unstack(stego.tiles([tile]))[0] for stego in (song, tuned)), strict=True
        ):
            for gradient, old, new in zip(
                (tensor.grad.numpy() for tensor in layer), before, after, strict=True
            ):
                clear = np.abs(gradient) > 1e-4
                assert clear.mean() > 0.5
                np.testing.assert_allclose(
                    (new - old)[clear], -RATE * np.sign(gradient[clear]), rtol=2e-2
                )


def test_the_cover_gains_and_keys_still_open(song, picture, key):
    tuned = finetune(song, picture, 200, rate=RATE)
    before, after = (
        measure(picture, sample(function, (12, 18))).psnr for function in (song, tuned)
    )
    assert after > before + 8
    secret = unlock(tuned, key)
    assert (secret.found, secret.intact, secret.width) == (True, False, 9)
    assert np.abs(reveal(tuned, key) - reveal(song, key)).max() > 0.05
    with pytest.raises(NoPictureError):
        reveal(tuned, SecretKey(bytes(32)))


def test_a_carrier_trained_on_its_own_render_hardly_moves(song):
    tuned = finetune(song, sample(song), 20, rate=1e-5)
    assert measure(sample(song), sample(tuned)).psnr > 50


def test_tiles_that_are_trained_apart_are_trained_alike(song, picture, monkeypatch):
    together = finetune(song, picture, 5)
    monkeypatch.setitem(device._FEATURES_AT_ONCE, "cpu", 1)
    apart = finetune(song, picture, 5)
    for one, other in zip(together.weights, apart.weights, strict=True):
        np.testing.assert_allclose(one.weight, other.weight, atol=1e-5)
        np.testing.assert_allclose(one.bias, other.bias, atol=1e-5)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"steps": 0}, "steps must be at least 1, got 0"),
        ({"steps": 1, "rate": 0.0}, "learning rate must be between 0 and 1, got 0"),
        ({"steps": 1, "rate": float("nan")}, "got nan"),
    ],
)
def test_what_cannot_be_is_refused(song, picture, settings, told):
    with pytest.raises(SettingError, match=told):
        finetune(song, picture, **settings)


def test_a_picture_smaller_than_the_grid_is_refused(song):
    with pytest.raises(SettingError, match="too small for 2x1 tiles"):
        finetune(song, np.zeros((1, 1, 3), np.uint8), 1)
