from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from small_functions import KEYS, NONCE, pictures, shortened, watched

from sirensong.errors import FormatError, NoPictureError
from sirensong.lab.baselines.functions.function import render
from sirensong.lab.baselines.inrsteg.method import InrSteg
from sirensong.pictures.metrics import measure


@pytest.fixture(scope="module")
def hidden():
    cover, *secrets = pictures(3)
    method = shortened(InrSteg(), 80)
    return method, method.hide(cover, secrets, KEYS[:2]), cover, secrets


@given(st.integers(1, 4), st.binary(min_size=32, max_size=32))
def test_no_two_secrets_share_a_neuron_whatever_the_keys(secrets, nonce):
    method = InrSteg(secrets=secrets)
    public = method.publish(nonce, KEYS[:secrets])
    parts = [method.secret_function(public, index, KEYS[index])[1] for index in range(secrets)]
    width = {1: 128, 2: 128, 3: 85, 4: 64}[secrets]
    for layer in range(7):
        together = np.concatenate([part.neurons[layer] for part in parts])
        assert len(together) == len(set(together.tolist())) == secrets * width
        assert 0 <= together.min() <= together.max() < 256


def test_neurons_follow_from_the_keys_the_nonce_and_the_layer():
    method = InrSteg(secrets=2)

    def neurons(nonce, keys):
        return method.secret_function(method.publish(nonce, keys), 0, keys[0])[1].neurons

    base = neurons(NONCE, KEYS[:2])
    assert all(map(np.array_equal, base, neurons(NONCE, KEYS[:2])))
    for other in (
        neurons(NONCE, [KEYS[0], KEYS[2]]),
        neurons(NONCE, [KEYS[2], KEYS[1]]),
        neurons(bytes(32), KEYS[:2]),
        (*base[1:], base[0]),
    ):
        assert all(
            set(own.tolist()) != set(its.tolist()) for own, its in zip(base, other, strict=True)
        )


def test_every_recipients_key_opens_every_secret_and_no_other_key_any(hidden):
    method, file, cover, secrets = hidden
    assert measure(cover, method.view(file)).psnr > 20
    for index, secret in enumerate(secrets):
        shown = [method.reveal(file, index, key) for key in KEYS[:2]]
        assert measure(secret, shown[0]).psnr > 20
        np.testing.assert_array_equal(*shown)
        with pytest.raises(NoPictureError, match="no picture for this key"):
            method.reveal(file, index, KEYS[2])


@pytest.mark.parametrize("secrets", [1, 4])
def test_what_is_revealed_is_exactly_the_secrets_own_function(secrets, monkeypatch):
    method = shortened(InrSteg(secrets=secrets), 3)
    made = watched(method, monkeypatch)
    cover, *others = pictures(secrets + 1)
    file = method.hide(cover, others, KEYS[:secrets])
    found, public = method._read(file)
    for index, (small, part) in enumerate(made):
        assert not part.output_bias
        assert all(map(torch.equal, part.cut(method._parameters(found)), small))
        function, _ = method.secret_function(public, index, KEYS[index])
        np.testing.assert_array_equal(
            method.reveal(file, index, KEYS[0]), render(function, small, (16, 16))
        )


def test_sizes_and_steps_are_the_published_ones():
    widths = InrSteg.widths
    assert sum((into + 1) * out for into, out in pairwise(widths)) == 396_291
    for training in (InrSteg("full").stages.secret, InrSteg("full").stages.stego):
        assert (training.steps, training.rate, training.share) == (100_000, 1e-4, 1.0)


def test_the_shared_key_is_in_no_file_as_it_is(hidden):
    method, file, _, _ = hidden
    _, public = method._read(file)
    assert [len(row) for row in public.wrapped] == [40, 40]
    assert all(key.secret not in file for key in KEYS[:2])


def test_a_damaged_wrapping_is_no_picture(hidden):
    method, file, _, _ = hidden
    wrapped = b"".join(method._read(file)[1].wrapped)
    place = file.index(wrapped)
    damaged = file[:place] + bytes([file[place] ^ 1]) + file[place + 1 :]
    with pytest.raises(NoPictureError):
        method.reveal(damaged, 0, KEYS[0])
    method.reveal(damaged, 0, KEYS[1])


def test_a_function_that_hides_nothing_has_a_wrapping_for_as_many_and_opens_for_nobody():
    method, [cover] = shortened(InrSteg(), 2), pictures(1)
    file = method.hide_nothing(cover, NONCE)
    assert len(file) == len(method.hide(cover, pictures(2), KEYS[:2]))
    _, public = method._read(file)
    assert [len(row) for row in public.wrapped] == [40, 40]
    assert public.wrapped != method._read(method.hide_nothing(cover, bytes(32)))[1].wrapped
    for key in KEYS:
        with pytest.raises(NoPictureError):
            method.reveal(file, 0, key)


def test_a_function_that_hides_nothing_has_nothing_frozen():
    """All that a first step moves: Adam moves every number whose gradient is not zero."""
    method, [cover] = shortened(InrSteg(), 1), pictures(1)
    moved = []
    for steps in (0, 1):
        weights, _ = shortened(method, steps).function(method.hide_nothing(cover, NONCE))
        moved.append(weights)
    for before, after in zip(*moved, strict=True):
        assert (before.weight != after.weight).mean() > 0.99


def test_a_file_for_more_recipients_is_refused(hidden):
    _, file, _, _ = hidden
    with pytest.raises(FormatError, match="another secrets: expected 4, got 2"):
        InrSteg(secrets=4).view(file)
