from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load
from small_functions import KEYS, NONCE, pictures, shortened, watched

from sirensong.errors import FormatError, SettingError
from sirensong.keys.secret import SecretKey
from sirensong.lab.baselines.functions.function import render
from sirensong.lab.baselines.functions.method import Public
from sirensong.lab.baselines.stegainr.function import FourierFunction, draw_frequencies
from sirensong.lab.baselines.stegainr.method import StegaInr
from sirensong.pictures.metrics import measure

keys = st.binary(min_size=32, max_size=32).map(SecretKey)


@pytest.fixture(scope="module")
def hidden():
    cover, *secrets = pictures(3)
    method = shortened(StegaInr(), 150)
    return method, method.hide(cover, secrets, KEYS[:2]), cover, secrets


@given(
    st.integers(1, 4), st.lists(keys, min_size=4, max_size=4), st.binary(min_size=32, max_size=32)
)
def test_no_two_secrets_share_a_neuron_whatever_their_keys(secrets, found, nonce):
    method = StegaInr(secrets=secrets)
    chosen = [method.neurons(nonce, index, found[index]) for index in range(secrets)]
    width = {1: 64, 2: 64, 3: 42, 4: 32}[secrets]
    for layer in range(3):
        together = np.concatenate([neurons[layer] for neurons in chosen])
        assert len(together) == len(set(together.tolist())) == secrets * width
        assert 0 <= together.min() <= together.max() < 256


def test_neurons_follow_from_key_nonce_secret_and_layer():
    method = StegaInr(secrets=2)
    base = method.neurons(NONCE, 0, KEYS[0])
    others = (
        method.neurons(NONCE, 0, KEYS[1]),
        method.neurons(bytes(32), 0, KEYS[0]),
        method.neurons(NONCE, 1, KEYS[0]),
        (base[1], base[2], base[0]),
    )
    for other in others:
        assert all(
            set(own.tolist()) != set(its.tolist()) for own, its in zip(base, other, strict=True)
        )
    again = method.neurons(NONCE, 0, KEYS[0])
    assert all(map(np.array_equal, base, again))


def test_a_secrets_neurons_look_uniform_in_its_half():
    method = StegaInr(secrets=1)
    counts = np.zeros(256)
    for number in range(200):
        counts[method.neurons(NONCE, 0, SecretKey(bytes([number]) * 32))[0]] += 1
    assert abs(counts - 50).max() < 5 * (200 * 0.25 * 0.75) ** 0.5


def test_frequencies_are_normal_and_each_keys_own():
    one, other = (draw_frequencies(key.secret, NONCE, "use").numpy() for key in KEYS[:2])
    assert one.shape == (128, 2)
    assert abs(one.std() - 2) < 0.3
    assert abs(one.mean()) < 0.5
    assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 0.25


def test_a_function_is_what_its_formula_says():
    rng = np.random.default_rng(0)
    frequencies = rng.normal(0, 2, (128, 2)).astype(np.float32)
    function = FourierFunction(torch.from_numpy(frequencies))
    parameters = function.begin((256, 5, 3), rng)
    first, shift, last, bias = (parameter.numpy() for parameter in parameters)
    phases = 2 * np.pi * frequencies @ np.array([0.25, -0.5])
    inner = first @ np.concatenate([np.cos(phases), np.sin(phases)]) + shift
    expected = np.tanh(last @ np.where(inner > 0, inner, 0.1 * inner) + bias)
    shown = function.evaluate(parameters, torch.tensor([[0.25, -0.5]]))
    np.testing.assert_allclose(shown.numpy()[0], expected, atol=1e-5)
    assert 0.9 / 16 < np.abs(first).max() <= 1 / 16
    assert 0.5 / 16 < np.abs(shift).max() <= 1 / 16


def test_sizes_are_the_published_ones():
    def count(widths):
        return sum((into + 1) * out for into, out in pairwise(widths))

    _, part = StegaInr("literal", 1).secret_function(Public(NONCE), 0, KEYS[0])
    assert count(StegaInr.widths) == 198_147
    assert count((256, *part.widths, 3)) == 24_963


def test_every_recipient_sees_its_secret_and_everybody_the_cover(hidden):
    method, file, cover, secrets = hidden
    assert measure(cover, method.view(file)).psnr > 25
    for index, secret in enumerate(secrets):
        assert measure(secret, method.reveal(file, index, KEYS[index])).psnr > 25


def test_a_wrong_key_shows_nothing_of_the_secret(hidden):
    method, file, _, secrets = hidden
    for index, key in ((0, KEYS[1]), (1, KEYS[0]), (0, KEYS[4])):
        assert measure(secrets[index], method.reveal(file, index, key)).psnr < 15


@pytest.mark.parametrize(("variant", "secrets"), [("tuned", 3), ("literal", 1)])
def test_what_is_revealed_is_exactly_the_secrets_own_function(variant, secrets, monkeypatch):
    method = shortened(StegaInr(variant, secrets), 40)
    made = watched(method, monkeypatch)
    cover, *others = pictures(secrets + 1)
    file = method.hide(cover, others, KEYS[:secrets])
    found, public = method._read(file)
    for index, (small, part) in enumerate(made):
        assert all(map(torch.equal, part.cut(method._parameters(found)), small))
        function, _ = method.secret_function(public, index, KEYS[index])
        alone = render(function, small, (16, 16))
        np.testing.assert_array_equal(method.reveal(file, index, KEYS[index]), alone)


def test_literal_gives_the_secret_the_biases_of_colours_and_trains_as_published():
    literal, tuned = StegaInr("literal", 1), StegaInr("tuned", 1)
    assert literal.secret_function(Public(NONCE), 0, KEYS[0])[1].output_bias
    assert not tuned.secret_function(Public(NONCE), 0, KEYS[0])[1].output_bias
    secret, stego = literal.stages.secret, literal.stages.stego
    assert (secret.steps, secret.rate, secret.share, secret.betas) == (
        2000,
        1e-4,
        1.0,
        (0.5, 0.999),
    )
    assert (stego.steps, stego.rate, stego.share, stego.betas) == (2000, 1e-3, 1.0, None)
    with pytest.raises(SettingError, match="literal hides 1 picture, got 2"):
        StegaInr("literal", 2)


def test_the_same_call_gives_the_same_file_and_another_picture_another_nonce():
    method = shortened(StegaInr(secrets=1), 2)
    cover, secret, other = pictures(3)
    file = method.hide(cover, [secret], KEYS[:1])
    assert method.hide(cover, [secret], KEYS[:1]) == file
    nonces = {
        method._read(some)[1].nonce
        for some in (
            file,
            method.hide(other, [secret], KEYS[:1]),
            method.hide(cover, [other], KEYS[:1]),
            method.hide(cover, [secret], KEYS[1:2]),
        )
    }
    assert len(nonces) == 4
    assert all(KEYS[0].secret not in nonce for nonce in nonces)


def test_a_function_that_hides_nothing_is_trained_as_others_are_and_whole(monkeypatch):
    method, [cover] = shortened(StegaInr(), 60), pictures(1)
    made = watched(method, monkeypatch)
    file = method.hide_nothing(cover, NONCE)
    assert method.hide_nothing(cover, NONCE) == file != method.hide_nothing(cover, bytes(32))
    assert made == []
    assert measure(cover, method.view(file)).psnr > 25
    start = method.stego_function(Public(NONCE)).begin(method.widths, np.random.default_rng(0))
    weights, grid = method.function(file)
    assert grid.tiles == 1
    for layer, drawn in zip(weights, start[::2], strict=True):
        assert layer.weight.shape == (1, *drawn.shape)


def test_what_is_published_is_what_the_file_has(hidden):
    method, file, _, _ = hidden
    tensors = load(file)
    weights, _ = method.function(file)
    for place, layer in enumerate(weights):
        np.testing.assert_array_equal(layer.weight[0], tensors[f"layers.{place}.weight"])
        np.testing.assert_array_equal(layer.bias[0], tensors[f"layers.{place}.bias"])


def test_a_file_of_another_variant_or_number_of_secrets_is_refused(hidden):
    _, file, _, _ = hidden
    with pytest.raises(FormatError, match="another secrets: expected 1, got 2"):
        StegaInr(secrets=1).view(file)
    with pytest.raises(FormatError, match="another variant: expected literal, got tuned"):
        StegaInr("literal", 1).reveal(file, 0, KEYS[0])


def test_a_secret_that_there_is_not_and_a_missing_key_are_refused(hidden):
    method, file, cover, secrets = hidden
    with pytest.raises(SettingError, match="secrets are 1 to 2, got 3"):
        method.reveal(file, 2, KEYS[0])
    with pytest.raises(SettingError, match="reveals with a key"):
        method.reveal(file, 0)
    with pytest.raises(SettingError, match="takes 2 keys, got 1"):
        method.hide(cover, secrets, KEYS[:1])


def test_receivers_hold_nothing_but_their_keys():
    method = StegaInr()
    assert (method.decoder_bytes, method.side_information, method.key_bits) == (0, 0, 256)
