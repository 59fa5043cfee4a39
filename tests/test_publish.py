"""From what is trained to what is published: slots, masks, files, and what is refused before."""

import dataclasses
import sys

import numpy as np
import pytest
import torch

import sirensong as ss
from sirensong.carrier import mapped
from sirensong.carrier.mapped import empty_weights
from sirensong.carrier.slots import DIGEST_BYTES, open_slots
from sirensong.errors import FileError, SettingError
from sirensong.hide import discard_checkpoint, put_weights
from sirensong.network.mask import mask_path, read_mask
from sirensong.network.siren import initial_weights

QUICK = dataclasses.replace(
    ss.FAST,
    tile=8,
    hidden_features=16,
    hidden_layers=2,
    omega=10.0,
    functions=0,
    decoys="cover",
).with_steps(2, cover=1)
STILL = dataclasses.replace(QUICK, rate=0.0, adam_rate=0.0, last_rate=0.0)
MASKED = dataclasses.replace(QUICK, selection="magnitude")


def picture(seed, height=16, width=16):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def key(number):
    return ss.SecretKey(bytes([number]) * 32)


def published(recipe=QUICK, secrets=1, decoys=(), **options):
    pairs = [(key(number), picture(number, 10, 20)) for number in range(1, 1 + secrets)]
    options = ss.Options(**{"seed": 1} | options)
    return ss.hide(picture(0, 16, 24), pairs, recipe=recipe, options=options, decoys=decoys)


PAIRS = "secrets must be a dictionary of pictures by their keys, or (key, picture) pairs"


# Slots.


def test_a_slot_says_what_its_key_needs_to_reveal():
    stego = published(dataclasses.replace(QUICK, ratio=0.06), secrets=2).stego
    assert (stego.height, stego.width, stego.grid) == (16, 24, ss.Grid(2, 3))
    for number in (1, 2):
        slot = open_slots(stego.nonce, stego.slots, key(number))
        assert (slot.selection, slot.ratio) == ("keyed", 0.06)
        assert (slot.height, slot.width) == (10, 20)
        assert slot.digest == stego.digest[:DIGEST_BYTES]
    assert not open_slots(stego.nonce, stego.slots, key(3))


# Masks.


@pytest.mark.parametrize(
    ("recipe", "secrets", "masked"),
    [(MASKED, 1, True), (MASKED, 0, False), (QUICK, 1, False)],
)
def test_a_mask_is_made_for_secrets_selected_by_magnitude(recipe, secrets, masked):
    mask = published(recipe, secrets).mask
    assert (mask is not None) == masked


def test_a_mask_is_of_every_tile_and_of_its_carrier(monkeypatch):
    monkeypatch.setattr("sirensong.training.device._FEATURES_AT_ONCE", {"cpu": 1})
    hidden = published(MASKED)
    assert hidden.mask.architecture == hidden.stego.architecture
    assert hidden.mask.ratio == 0.05
    assert hidden.mask.carrier == hidden.stego.nonce[: len(hidden.mask.carrier)]
    assert len(hidden.mask.positions) == 6
    assert len({positions[1].tobytes() for positions in hidden.mask.positions}) == 6
    ss.unlock(hidden.stego, key(1), mask=hidden.mask)


def test_a_carrier_is_saved_with_its_mask_beside_it(tmp_path):
    hidden, path = published(MASKED), tmp_path / "song.safetensors"
    assert hidden.save(path) == mask_path(path)
    assert {file.name for file in tmp_path.iterdir()} == {"song.safetensors", mask_path(path).name}
    assert read_mask(mask_path(path)).positions[0][1].tobytes() == (
        hidden.mask.positions[0][1].tobytes()
    )
    assert ss.load(path).digest == hidden.stego.digest


def test_a_carrier_without_a_mask_is_saved_alone(tmp_path):
    path = tmp_path / "song.safetensors"
    assert published().save(path) is None
    assert [file.name for file in tmp_path.iterdir()] == ["song.safetensors"]


@pytest.mark.parametrize("taken", ["song.safetensors", "song.mask"])
def test_files_are_replaced_only_if_it_is_said(tmp_path, taken):
    hidden, path = published(MASKED), tmp_path / "song.safetensors"
    other = mask_path(path) if taken == "song.mask" else path
    other.write_text("another")
    with pytest.raises(FileError, match="exists"):
        hidden.save(path)
    assert other.read_text() == "another"
    hidden.save(path, overwrite=True)
    assert ss.load(path).digest == hidden.stego.digest
    assert read_mask(mask_path(path)).ratio == 0.05


def test_what_is_hidden_does_not_show_its_mask():
    hidden = published(MASKED)
    assert "mask" not in repr(hidden)


# Quality.


def test_the_psnr_is_that_of_the_cover_and_of_secrets_over_all_tiles(monkeypatch):
    """Groups of four tiles and of two count as one of all six does; decoys do not count."""
    recipe, heard = dataclasses.replace(STILL, functions=3), []
    hidden = published(recipe, secrets=2, on_progress=heard.append)
    assert len(set(hidden.psnr)) == len(hidden.psnr) == 3
    cover, render = picture(0, 16, 24), ss.render_uint8(hidden.stego, (16, 24))
    assert hidden.psnr[0] == pytest.approx(ss.measure(cover, render).psnr, abs=0.2)  # unblended
    monkeypatch.setattr("sirensong.training.device._FEATURES_AT_ONCE", {"cpu": 16 * 5 * 4})
    apart = published(recipe, secrets=2, on_progress=heard.append)
    assert apart.psnr == pytest.approx(hidden.psnr)
    assert {event.tiles_at_once for event in heard} == {6, 4, 2}


# Weights of all tiles.


def test_weights_of_some_tiles_are_put_in_their_places():
    architecture = ss.Architecture(4, 3, 10.0)
    whole = empty_weights(architecture, ss.Grid(2, 3))
    shapes = [(layer.weight.shape, layer.bias.shape) for layer in whole]
    assert shapes == [
        ((6, 4, 2), (6, 4)),
        ((6, 4, 4), (6, 4)),
        ((6, 4, 4), (6, 4)),
        ((6, 3, 4), (6, 3)),
    ]
    part = initial_weights(architecture, [np.random.default_rng(seed) for seed in range(2)])
    for _, bias in part:
        bias += 1
    put_weights(whole, range(3, 5), part)
    for layer, own in zip(whole, part, strict=True):
        for array, put in zip(layer, own, strict=True):
            np.testing.assert_array_equal(array[3:5], put)
            assert not array[[0, 1, 2, 5]].any()


def test_large_weights_live_in_files(monkeypatch):
    monkeypatch.setattr(mapped, "IN_MEMORY", 4 * 6 * 4 * 4 - 1)
    whole = empty_weights(ss.Architecture(4, 2, 10.0), ss.Grid(2, 3))
    in_file = [array.base is not None for layer in whole for array in layer]
    assert in_file == [False, False, True, False, False, False]


# What is refused.


def test_secrets_are_checked_as_the_cover_is():
    cover, small = picture(0, 8, 24), picture(1, 1, 2)
    with pytest.raises(SettingError, match="2x1 pixels is too small for 3x1 tiles"):
        ss.hide(cover, {key(1): small}, recipe=QUICK)


# What else is asked for.


def test_a_recipe_is_found_by_its_name():
    plan = ss.plan(picture(0), (), recipe="fast", options=ss.Options(seconds=3.0))
    assert (plan.seconds, plan.architecture) == (3.0, ss.FAST.architecture(16, 16))
    with pytest.raises(SettingError, match="recipe must be one of"):
        ss.hide(picture(0), (), recipe="slow")


def test_secrets_come_as_a_mapping_or_as_pairs():
    pairs = [(key(1), picture(1)), (key(2), picture(2))]
    one, other = (
        ss.hide(picture(0), secrets, recipe=STILL, options=ss.Options(seed=1)).stego
        for secrets in (pairs, dict(pairs))
    )
    assert (one.nonce, one.slots) == (other.nonce, other.slots)


@pytest.mark.parametrize(
    ("secrets", "message"),
    [
        (7, f"{PAIRS}, got int"),
        ([key(1)], f"{PAIRS}, got list"),
        ([(key(1), picture(1), 3)], f"{PAIRS}, got list"),
        ({"a key's text": key(1)}, f"{PAIRS}; a key stands where a picture should"),
        ([(key(1), ss.Passphrase("x"))], f"{PAIRS}; a key stands where a picture should"),
    ],
)
def test_secrets_of_another_shape_are_refused_and_not_quoted(secrets, message):
    with pytest.raises(SettingError) as caught:
        ss.hide(picture(0), secrets, recipe=QUICK)
    assert str(caught.value) == message


def test_a_plan_looks_at_no_checkpoint(tmp_path):
    path = tmp_path / "run.checkpoint"
    path.write_text("another")
    options = ss.Options(checkpoint=path, resume=True, seconds=2.0)
    assert ss.plan(picture(0), (), recipe=QUICK, options=options).seconds == 2.0
    assert path.read_text() == "another"


def test_a_plan_counts_every_group_of_tiles(monkeypatch):
    monkeypatch.setattr("sirensong.training.device._FEATURES_AT_ONCE", {"cpu": 32})
    monkeypatch.setattr("sirensong.training.steps.estimate_seconds", lambda job: 2.5)
    assert ss.plan(picture(0, 16, 24), (), recipe=QUICK).seconds == 3 * 2.5


def test_a_plan_has_the_secrets_and_decoys_that_were_given():
    bare = ss.plan(picture(0), (), recipe=QUICK, options=ss.Options(seconds=1.0))
    secret = ss.plan(
        picture(0), {key(1): picture(1, 64, 64)}, recipe=QUICK, options=ss.Options(seconds=1.0)
    )
    assert secret.memory_bytes > bare.memory_bytes
    with pytest.raises(FileError):
        ss.plan(
            picture(0),
            (),
            recipe=dataclasses.replace(QUICK, functions=1),
            options=ss.Options(seconds=1.0),
            decoys=["missing.png"],
        )


def test_decoys_that_are_given_are_trained_for():
    recipe = dataclasses.replace(QUICK, functions=1)
    for call in (ss.fit, lambda *rest, **named: ss.hide(rest[0], (), **named)):
        with pytest.raises(FileError):
            call(picture(0), recipe=recipe, decoys=["missing.png"])


def test_fitting_hides_nothing_and_takes_the_same_options():
    heard = []
    options = ss.Options(seed=1, on_progress=heard.append)
    stego = ss.fit(picture(0), recipe=QUICK, options=options)
    assert {event.stage for event in heard} == {"cover", "joint"}
    hidden = ss.hide(picture(0), (), recipe=QUICK, options=ss.Options(seed=1))
    assert (hidden.stego.nonce, hidden.stego.digest) == (stego.nonce, stego.digest)


def test_threads_are_as_asked_for_while_a_plan_is_made(monkeypatch, torch_threads):
    torch_threads(1)
    seen = []
    monkeypatch.setattr(
        "sirensong.training.steps.estimate_seconds",
        lambda job: seen.append(torch.get_num_threads()) or 1.0,
    )
    ss.plan(picture(0), (), recipe=QUICK, options=ss.Options(threads=2))
    assert seen == [2]
    assert torch.get_num_threads() == 1


def test_a_missing_torch_is_told_by_its_verb(monkeypatch):
    """As if it were not installed."""
    for name in [name for name in sys.modules if name.startswith("sirensong.training.")]:
        if name.endswith((".device", ".steps")):
            monkeypatch.setitem(sys.modules, name, None)
    for verb, word in ((ss.hide, "hiding"), (ss.plan, "planning")):
        with pytest.raises(ss.MissingDependencyError, match=f"^{word} needs") as caught:
            verb(picture(0), (), recipe=QUICK)
        assert "sirensong[hide]" in caught.value.hint


def test_a_checkpoint_is_discarded_and_nothing_else(tmp_path):
    path = tmp_path / "run.checkpoint"
    with pytest.raises(KeyboardInterrupt):
        published(checkpoint=path, on_progress=interrupt)
    assert path.exists()
    discard_checkpoint(path)
    assert list(tmp_path.iterdir()) == []
    path.write_text("another")
    with pytest.raises(FileError, match="is not a checkpoint"):
        discard_checkpoint(path)


def interrupt(_):
    raise KeyboardInterrupt
