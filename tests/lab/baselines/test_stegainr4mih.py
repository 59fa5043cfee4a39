from dataclasses import replace

import numpy as np
import pytest

import sirensong as ss
from sirensong.errors import FormatError, NoPictureError, SettingError
from sirensong.lab.baselines.stegainr4mih.method import StegaInr4Mih
from sirensong.pictures.image import to_uint8
from sirensong.pictures.metrics import measure
from sirensong.training.recipe import FAST, PAPER

KEYS = [ss.SecretKey(bytes([number]) * 32) for number in range(26)]


def short(variant="24bpp", secrets=2, joint=2, cover=1):
    method = StegaInr4Mih(variant, secrets)
    method.recipe = replace(method.recipe, whole_file=False).with_steps(joint, cover=cover)
    return method


def flat(count, side=16):
    return [np.full((side, side, 3), 255 * number // count, np.uint8) for number in range(count)]


@pytest.fixture(scope="module")
def hidden():
    cover, *secrets = flat(3)
    method = short(joint=150, cover=20)
    return method, method.hide(cover, secrets, KEYS[:2]), cover, secrets


def test_a_file_is_this_librarys_carrier_and_shows_what_the_library_shows(hidden):
    method, file, cover, secrets = hidden
    stego = ss.loads(file)
    np.testing.assert_array_equal(method.view(file), to_uint8(ss.sample(stego)))
    assert measure(cover, method.view(file)).psnr > 25
    for index, secret in enumerate(secrets):
        shown = method.reveal(file, index, KEYS[index])
        np.testing.assert_array_equal(shown, to_uint8(ss.reveal(stego, KEYS[index])))
        assert measure(secret, shown).psnr > 20


def test_a_wrong_key_opens_nothing(hidden):
    method, file, _, _ = hidden
    with pytest.raises(NoPictureError, match="no picture for this key"):
        method.reveal(file, 0, KEYS[2])


def test_another_recipients_key_opens_its_own_picture_whatever_is_asked_for(hidden):
    method, file, _, _ = hidden
    np.testing.assert_array_equal(method.reveal(file, 0, KEYS[1]), method.reveal(file, 1, KEYS[1]))


def test_a_function_that_hides_nothing_is_of_the_same_form_and_opens_for_nobody(hidden):
    method, file, cover, _ = hidden
    nothing = short(joint=2, cover=1).hide_nothing(cover, bytes(32))
    weights, grid = method.function(nothing)
    others, other_grid = method.function(file)
    assert grid == other_grid
    for own, other in zip(weights, others, strict=True):
        assert own.weight.shape == other.weight.shape
    for key in KEYS[:3]:
        with pytest.raises(NoPictureError):
            method.reveal(nothing, 0, key)


def test_a_seed_makes_a_function_that_hides_nothing_and_another_another():
    method, [cover] = short(joint=1), flat(1)
    first, again, other = (method.hide_nothing(cover, bytes([seed]) * 32) for seed in (0, 0, 1))
    weights, different = (ss.loads(one).weights[1].weight for one in (first, other))
    np.testing.assert_array_equal(weights, ss.loads(again).weights[1].weight)
    assert not np.array_equal(weights, different)


def test_what_is_published_is_the_carriers_weights(hidden):
    method, file, _, _ = hidden
    weights, grid = method.function(file)
    stego = ss.loads(file)
    assert grid == stego.grid
    for layer, own in zip(weights, stego.weights, strict=True):
        np.testing.assert_array_equal(layer.weight, own.weight)
        np.testing.assert_array_equal(layer.bias, own.bias)


def test_variants_are_recipes_of_the_library():
    for variant, bits in (("24bpp", 24), ("12bpp", 12), ("8bpp", 8)):
        assert StegaInr4Mih(variant).recipe == replace(FAST, bits=bits, whole_file=True)
    assert StegaInr4Mih("archive").recipe == FAST.at("archive")
    assert StegaInr4Mih("paper").recipe == PAPER
    assert StegaInr4Mih().variant == "24bpp"


def test_a_file_takes_about_the_bits_that_its_variant_says():
    method = StegaInr4Mih("24bpp", 1)
    method.recipe = method.recipe.with_steps(60, cover=5)
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    file = method.hide(noise, [noise[::-1]], KEYS[:1])
    assert abs(8 * len(file) / 64**2 - 24) < 0.1 * 24


def test_a_picture_too_small_for_its_bits_is_refused():
    cover, secret = flat(2)
    with pytest.raises(SettingError, match="a carrier of a cover of 16x16 pixels takes"):
        StegaInr4Mih("8bpp", 1).hide(cover, [secret], KEYS[:1])


def test_twenty_five_secrets_go_into_one_file():
    cover, *secrets = flat(26)
    method = short(secrets=25)
    file = method.hide(cover, secrets, KEYS[:25])
    assert method.reveal(file, 24, KEYS[24]).shape == (16, 16, 3)
    with pytest.raises(NoPictureError):
        method.reveal(file, 0, KEYS[25])
    with pytest.raises(SettingError, match="hides 1 to 64 pictures, got 65"):
        StegaInr4Mih(secrets=65)


@pytest.fixture(scope="module")
def paper():
    cover, *secrets = flat(3)
    method = short("paper", joint=160, cover=40)
    return method, method.hide(cover, secrets, KEYS[:2]), secrets


def test_the_papers_mask_reaches_its_recipients_and_nobody_else(paper):
    method, file, secrets = paper
    stego, seal = method._split(file)
    assert ss.dumps(stego) + seal == file
    assert b"SRNGMSK1" not in file
    for index, secret in enumerate(secrets):
        assert measure(secret, method.reveal(file, index, KEYS[index])).psnr > 15
    with pytest.raises(NoPictureError):
        method.reveal(file, 0, KEYS[2])
    assert method.view(file).shape == (16, 16, 3)


@pytest.mark.parametrize("left", [0, 7, 79])
def test_a_paper_file_without_its_mask_is_one_line_of_error(paper, left):
    method, file, _ = paper
    carrier = len(file) - len(method._split(file)[1])
    with pytest.raises(FormatError, match="no mask after its carrier"):
        method.reveal(file[: carrier + left], 0, KEYS[0])


def test_a_paper_file_with_a_damaged_mask_is_one_line_of_error(paper):
    method, file, _ = paper
    with pytest.raises(FormatError, match="mask is damaged"):
        method.reveal(file[:-1] + bytes([file[-1] ^ 1]), 0, KEYS[0])


@pytest.mark.parametrize("variant", ["24bpp", "paper"])
@pytest.mark.parametrize("file", [b"", b"1234567", bytes(8), b"\xff" * 100])
def test_a_hostile_file_is_one_line_of_error(variant, file):
    with pytest.raises(FormatError) as caught:
        StegaInr4Mih(variant).view(file)
    assert "\n" not in caught.value.message
