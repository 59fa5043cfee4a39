"""The main job, small: several pictures in one function, each back with its own key."""

import dataclasses
import itertools
import time

import numpy as np
import pytest
import torch
from PIL import Image

import sirensong as ss
from functions import unstack
from sirensong.carrier import mapped
from sirensong.carrier.file import dumps
from sirensong.errors import FormatError, NoPictureError, SettingError, StoppedError
from sirensong.lab.robustness import prune, quantise
from sirensong.network.mask import mask_to_bytes
from sirensong.network.tiles import Grid
from sirensong.pictures.image import fill, resize, to_uint8
from sirensong.pictures.photographs import photograph as photograph_of
from sirensong.pictures.writing import write_picture
from sirensong.training import checkpoint as checkpoints
from sirensong.training import device as devices
from sirensong.training import job as jobs
from sirensong.training import steps
from sirensong.training import train as training

SMALL = ss.Architecture(hidden_features=48, hidden_layers=4, omega=15)
NETWORK = {"hidden_features": 48, "hidden_layers": 4, "omega": 15, "bits": 110.0}
QUICK = dataclasses.replace(
    ss.FAST,
    cover=ss.Phase(60, ((0.0, 0.25),)),
    joint=ss.Phase(240, ((0.0, 0.125), (0.5, 0.5)), hold=0.5),
    **NETWORK,
)


def photograph(seed, height=24, width=24):
    """A smooth picture of a few coloured waves, as float colours."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width] / max(height, width)
    waves = [
        np.sin(rng.uniform(2, 9) * x + rng.uniform(2, 9) * y + rng.uniform(0, 6, 3)[:, None, None])
        for _ in range(3)
    ]
    return (np.moveaxis(sum(waves), 0, -1) / 6 + 0.5).astype(np.float32)


@pytest.fixture(scope="module")
def pictures():
    return [photograph(seed) for seed in range(3)]


@pytest.fixture(scope="module")
def keys():
    return [ss.SecretKey(bytes([number]) * 32) for number in (1, 2)]


@pytest.fixture(scope="module")
def song(pictures, keys):
    return hide(pictures, keys).stego


def hide(pictures, keys, recipe=QUICK, decoys=(), **options):
    return ss.hide(
        pictures[0],
        list(zip(keys, pictures[1:], strict=True)),
        recipe=recipe,
        options=ss.Options(**options),
        decoys=decoys,
    )


def psnr(picture, render):
    return ss.measure(picture, render).psnr


def test_the_public_sees_the_cover_and_each_key_its_own_picture(song, pictures, keys):
    renders = [ss.sample(song), *(ss.reveal(song, key) for key in keys)]
    table = np.array([[psnr(picture, render) for render in renders] for picture in pictures])
    assert table.diagonal().min() > 28
    assert table[~np.eye(3, dtype=bool)].max() < 20


def test_another_key_opens_nothing_and_forced_shows_noise(song, pictures):
    stranger = ss.SecretKey(bytes(32))
    with pytest.raises(NoPictureError):
        ss.reveal(song, stranger)
    noise = ss.reveal(song, stranger, force=True)
    assert max(psnr(picture, noise) for picture in pictures) < 20


@pytest.mark.parametrize("selection", ["magnitude", "random"])
def test_the_other_selections_reveal_too(selection, pictures, keys):
    hidden = hide(pictures, keys, dataclasses.replace(QUICK, selection=selection))
    assert (hidden.mask is not None) == (selection == "magnitude")
    for key, picture in zip(keys, pictures[1:], strict=True):
        assert psnr(picture, ss.reveal(hidden.stego, key, mask=hidden.mask)) > 26
    assert psnr(pictures[0], ss.sample(hidden.stego)) > 26


def test_magnitude_selection_leaves_the_cover_functions_largest_weights_alone(pictures, keys):
    covers = []

    def keep_cover(step, tiles, functions):
        if step == 0:
            covers.extend(unstack(functions()))

    recipe = dataclasses.replace(QUICK, selection="magnitude").with_steps(5)
    hidden = hide(pictures, keys, recipe, on_step=keep_cover)
    (cover,), (published,) = covers, unstack(hidden.stego.tiles([0]))
    for before, after, places in zip(cover, published, hidden.mask.positions[0], strict=True):
        same = (before.weight == after.weight).ravel()
        size = np.abs(before.weight.ravel())
        assert same[places].all()
        assert size[places].min() >= np.delete(size, places).max()
        assert not np.delete(same, places).all()


def test_pictures_of_any_shape_share_a_function(keys):
    pictures = [photograph(4, 20, 30), photograph(5, 31, 17), photograph(6, 8, 40)]
    stego = hide(pictures, keys).stego
    for picture, render in zip(
        pictures, [ss.sample(stego), *(ss.reveal(stego, key) for key in keys)], strict=True
    ):
        assert render.shape == picture.shape
        assert psnr(picture, render) > 25


def test_sixteen_pictures_in_one_function():
    pictures, keys = (
        [photograph(seed, 12, 12) for seed in range(17)],
        [ss.SecretKey(bytes([number]) * 32) for number in range(16)],
    )
    stego = hide(pictures, keys, dataclasses.replace(QUICK, joint=ss.Phase(240, hold=0.5))).stego
    renders = [ss.reveal(stego, key) for key in keys]
    for index, render in enumerate(renders, start=1):
        assert np.argmax([psnr(picture, render) for picture in pictures]) == index


def test_a_passphrase_is_a_key(pictures):
    stego = hide(pictures[:2], [ss.Passphrase("correct horse")]).stego
    assert psnr(pictures[1], ss.reveal(stego, ss.Passphrase("correct horse"))) > 28
    with pytest.raises(NoPictureError):
        ss.reveal(stego, ss.Passphrase("correct horses"))


def test_a_carrier_with_secrets_has_the_form_of_one_without(song, pictures):
    plain = ss.fit(pictures[0], recipe=QUICK)
    assert psnr(pictures[0], ss.sample(plain)) > 28
    mine, other = dumps(song), dumps(plain)
    header = 8 + int.from_bytes(mine[:8], "little")
    assert len(mine) == pytest.approx(len(other), rel=0.05)  # codes take what they take
    names = (b"codes", b"nonce", b"slots")
    shown = [data[:header].split(b'"steps"')[0] for data in (mine, other)]
    assert shown[0] == shown[1]
    assert all(name in data[:header] for name in names for data in (mine, other))


def test_arrays_files_and_pil_images_are_the_same(tmp_path, pictures, keys):
    Image.fromarray(np.rint(pictures[0] * 255).astype(np.uint8)).save(tmp_path / "cover.png")
    recipe = QUICK.with_steps(2, cover=2)
    covers = [pictures[0], tmp_path / "cover.png", Image.open(tmp_path / "cover.png")]
    songs = [
        ss.hide(cover, {keys[0]: pictures[1]}, recipe=recipe, options=ss.Options(seed=1)).stego
        for cover in covers
    ]
    assert len({dumps(stego) for stego in songs}) == 1


def test_a_seed_on_one_thread_repeats_every_byte(pictures, keys):
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        recipe = QUICK.with_steps(20)
        one, same, other = (
            dumps(hide(pictures, keys, recipe, seed=seed).stego) for seed in (5, 5, 6)
        )
    finally:
        torch.set_num_threads(before)
    assert one == same
    assert one != other


def test_no_seed_no_repetition_and_seeded_runs_differ_in_nonce_by_keys_and_pictures(pictures, keys):
    recipe = QUICK.with_steps(1, cover=1)
    runs = [
        hide(pictures, keys, recipe),
        hide(pictures, keys, recipe),
        hide(pictures, keys, recipe, seed=1),
        hide(pictures, keys[::-1], recipe, seed=1),
        hide(pictures[::-1], keys, recipe, seed=1),
        hide(pictures, keys, dataclasses.replace(recipe, ratio=0.06), seed=1),
    ]
    assert len({run.stego.nonce for run in runs}) == len(runs)
    assert len({run.stego.slots for run in runs}) == len(runs)


@pytest.mark.parametrize(
    "change",
    [
        {"selection": "keyed"},
        {"selection": "magnitude"},
        {"optimizer": "adam", "rate": 1e-3},
        {"cover": ss.Phase(60, keep_best=True)},
        {"joint": ss.Phase(240, ((0.0, 0.125), (0.5, 0.5)), pruning=0.2, noise=0.01)},
    ],
)
def test_a_stopped_run_publishes_what_an_undisturbed_one_does(
    change, tmp_path, pictures, keys, monkeypatch, torch_threads
):
    """Byte for byte: all that training looks at, the sampler and best function too, is kept."""
    torch_threads(1)
    monkeypatch.setattr(training, "_REPORT_EVERY", 0.0)
    pictures = [*pictures[:2], photograph(7, 9, 30)]
    recipe = dataclasses.replace(QUICK, **change)
    whole = hide(pictures, keys, recipe, seed=3)
    path = tmp_path / "song.checkpoint"
    for step in (30, 61, 120, 200):  # once in the cover stage, then around where batches grow
        with pytest.raises(KeyboardInterrupt):
            hide(
                pictures,
                keys,
                recipe,
                seed=3,
                checkpoint=path,
                resume=path.exists(),
                on_progress=interrupt_at(step),
            )
    resumed = hide(pictures, keys, recipe, seed=3, checkpoint=path, resume=True)
    assert dumps(resumed.stego) == dumps(whole.stego)
    assert resumed.psnr == pytest.approx(whole.psnr)
    if whole.mask is not None:
        assert mask_to_bytes(resumed.mask) == mask_to_bytes(whole.mask)


def test_other_keys_cannot_resume_a_run(tmp_path, pictures, keys):
    path = tmp_path / "song.checkpoint"
    with pytest.raises(KeyboardInterrupt):
        hide(pictures, keys, seed=3, checkpoint=path, on_progress=interrupt_at(60))
    for other in (keys[::-1], [keys[0], ss.SecretKey(bytes(32))]):
        with pytest.raises(FormatError, match="does not belong"):
            hide(pictures, other, checkpoint=path, resume=True)


def test_a_listener_that_returns_false_stops_the_run_and_keeps_it(tmp_path, pictures, keys):
    path, seen = tmp_path / "song.checkpoint", []

    def stop(progress):
        seen.append(progress)
        return progress.stage != "joint"

    with pytest.raises(StoppedError):
        hide(pictures, keys, seed=3, checkpoint=path, on_progress=stop)
    resumed = []
    hide(pictures, keys, seed=3, checkpoint=path, resume=True, on_progress=resumed.append)
    assert resumed[0].stage == "joint"
    assert resumed[0].step > seen[-1].step


def interrupt_at(step):
    """Stop the run as Ctrl-C does, in the cover stage below 60 steps, else in the joint one."""

    def listen(progress):
        if (progress.stage == "cover") == (step < 60) and progress.step >= step:
            raise KeyboardInterrupt

    return listen


def test_listeners_hear_of_both_stages(pictures, keys):
    heard = []
    hide(pictures, keys, on_progress=heard.append)
    assert {event.stage for event in heard} == {"cover", "joint"}
    assert (heard[-1].step, heard[-1].steps, heard[-1].seconds_left) == (240, 240, 0)
    assert len(heard[-1].psnr) == 3
    assert min(heard[-1].psnr) > 25


def test_a_budget_of_seconds_ends_annealed(pictures, keys, monkeypatch):
    """A tenth of a second passes at each look at the clock, so that the machine does not matter."""
    looks = itertools.count()
    monkeypatch.setattr(time, "monotonic", lambda: next(looks) / 10)
    heard = []
    stego = hide(pictures, keys, seconds=180, on_progress=heard.append).stego
    assert 100 < heard[-1].step < 1000
    assert heard[-1].seconds_left == 0
    assert psnr(pictures[1], ss.reveal(stego, keys[0])) > 25


def test_a_resumed_budget_goes_on_where_it_stopped(tmp_path, pictures, keys, monkeypatch):
    looks = itertools.count()
    monkeypatch.setattr(time, "monotonic", lambda: next(looks) / 10)
    monkeypatch.setattr(checkpoints, "INTERVAL", 0.0)
    path, heard = tmp_path / "song.checkpoint", []

    def stop(progress):
        if progress.stage == "joint" and progress.seconds_left < 60:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        hide(pictures, keys, seconds=180, checkpoint=path, on_progress=stop)
    hide(pictures, keys, seconds=180, checkpoint=path, resume=True, on_progress=heard.append)
    assert 40 < heard[0].seconds_left < 80
    assert heard[-1].seconds_left < 1  # within a step of the end


def test_a_goal_of_psnr_ends_the_run_early_and_holds_for_every_picture(pictures, keys):
    heard = []
    stego = hide(
        pictures,
        keys,
        QUICK.with_steps(20_000),
        psnr=24,
        on_progress=heard.append,
    ).stego
    assert heard[-1].step < 20_000
    renders = [ss.sample(stego), *(ss.reveal(stego, key) for key in keys)]
    assert (
        min(psnr(picture, render) for picture, render in zip(pictures, renders, strict=True))
        >= 24 - 1e-3
    )


TILED = dataclasses.replace(QUICK, tile=16)


def border_and_inside(picture, render, side=16):
    """Mean absolute error of pixels next to a border between tiles, and of all others."""
    error = np.abs(picture - render).mean(2)
    row, column = (
        np.minimum(np.arange(n) % side, (-1 - np.arange(n)) % side) == 0 for n in error.shape
    )
    row[[0, -1]] = column[[0, -1]] = False
    border = row[:, None] | column[None, :]
    return error[border].mean(), error[~border].mean()


def test_tiles_show_no_seam(keys):
    pictures = [photograph(seed, 48, 64) for seed in range(3)]
    stego = hide(pictures, keys, TILED, seed=2).stego
    assert stego.grid == Grid(3, 4)
    for picture, render in zip(
        pictures, [ss.sample(stego), *(ss.reveal(stego, key) for key in keys)], strict=True
    ):
        assert psnr(picture, render) > 28
        border, inside = border_and_inside(picture, render)
        assert border < 1.3 * inside  # a tile knows less of its rim; a seam would be twice as much


def test_a_tiled_function_renders_at_other_sizes(keys):
    coarse, fine = (
        [photograph(seed, *size) for seed in range(2)] for size in ((48, 64), (96, 128))
    )
    stego = hide(coarse, keys[:1], TILED, seed=2).stego
    assert psnr(fine[0], ss.sample(stego, (96, 128))) > 26
    assert psnr(fine[1], ss.reveal(stego, keys[0], size=(96, 128))) > 26
    assert ss.sample(stego, (2, 3)).shape == (2, 3, 3)


def test_tiles_of_pictures_of_other_shapes(keys):
    pictures = [photograph(4, 33, 47), photograph(5, 50, 20), photograph(6, 12, 60)]
    stego = hide(pictures, keys, TILED).stego
    assert stego.grid == Grid(2, 3)
    for picture, render in zip(
        pictures, [ss.sample(stego), *(ss.reveal(stego, key) for key in keys)], strict=True
    ):
        assert psnr(picture, render) > 25


@pytest.mark.parametrize("selection", ["keyed", "magnitude"])
def test_finished_tiles_are_not_done_again(selection, tmp_path, keys, monkeypatch, torch_threads):
    """One tile at a time: a run that is stopped in the third goes on there."""
    torch_threads(1)
    monkeypatch.setattr(devices, "_FEATURES_AT_ONCE", {"cpu": 1})
    pictures = [photograph(seed, 32, 48) for seed in range(2)]
    recipe = dataclasses.replace(TILED, selection=selection).with_steps(10, cover=5)
    whole = hide(pictures, keys[:1], recipe, seed=3)
    path, heard = tmp_path / "song.checkpoint", []

    def stop(progress):
        if progress.tiles_done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        hide(pictures, keys[:1], recipe, seed=3, checkpoint=path, on_progress=stop)
    resumed = hide(
        pictures, keys[:1], recipe, seed=3, checkpoint=path, resume=True, on_progress=heard.append
    )
    assert heard[0].tiles_done == 2
    assert {event.tiles for event in heard} == {6}
    assert dumps(resumed.stego) == dumps(whole.stego)
    if selection == "magnitude":
        assert mask_to_bytes(resumed.mask) == mask_to_bytes(whole.mask)
    assert (
        psnr(
            ss.reveal(whole.stego, keys[0], mask=whole.mask),
            ss.reveal(resumed.stego, keys[0], mask=resumed.mask),
        )
        == np.inf
    )


def test_a_run_killed_in_its_first_tiles_trains_the_later_ones_from_their_own_beginning(
    tmp_path, keys, monkeypatch
):
    monkeypatch.setattr(checkpoints, "INTERVAL", 0.0)
    monkeypatch.setattr(training, "_REPORT_EVERY", 0.0)
    monkeypatch.setattr(devices, "_FEATURES_AT_ONCE", {"cpu": 400})  # two tiles together
    pictures, path, heard = (
        [photograph(seed, 32, 32) for seed in range(2)],
        tmp_path / "run.checkpoint",
        [],
    )
    recipe = TILED.with_steps(4, cover=3)

    def stop(progress):
        if (progress.stage, progress.step) == ("joint", 2):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        hide(pictures, keys[:1], recipe, seed=3, checkpoint=path, on_progress=stop)
    hide(pictures, keys[:1], recipe, seed=3, checkpoint=path, resume=True, on_progress=heard.append)
    first, second = (
        [(event.stage, event.step) for event in heard if event.tiles_done == done]
        for done in (0, 2)
    )
    assert first == [("joint", 3), ("joint", 4)]
    assert second == [
        *(("cover", step) for step in (1, 2, 3)),
        *(("joint", step) for step in (1, 2, 3, 4)),
    ]


def test_what_is_too_large_for_memory_is_the_same(tmp_path, keys, monkeypatch, torch_threads):
    """Weights live in files, and are those that would have been in memory."""
    torch_threads(1)
    pictures = [tmp_path / f"{seed}.png" for seed in range(2)]
    for seed, path in enumerate(pictures):
        write_picture(path, photograph(seed, 32, 48))
    recipe = TILED.with_steps(2, cover=2)
    in_memory = hide(pictures, keys[:1], recipe, seed=3)
    in_memory.save(tmp_path / "memory.safetensors")
    rendered = ss.render_uint8(in_memory.stego, (32, 48))
    monkeypatch.setattr(mapped, "IN_MEMORY", 1000)
    hide(pictures, keys[:1], recipe, seed=3).save(tmp_path / "file.safetensors")
    assert (tmp_path / "memory.safetensors").read_bytes() == (
        tmp_path / "file.safetensors"
    ).read_bytes()
    read_back = ss.load(tmp_path / "file.safetensors")
    assert read_back.digest == in_memory.stego.digest
    np.testing.assert_array_equal(ss.sample(read_back), ss.sample(in_memory.stego))
    np.testing.assert_array_equal(ss.render_uint8(read_back, (32, 48)), rendered)
    np.testing.assert_array_equal(
        ss.reveal(read_back, keys[0]), ss.reveal(in_memory.stego, keys[0])
    )


def test_on_step_sees_every_joint_step_of_every_tile(keys, monkeypatch):
    """From the cover functions to what is published; and nothing changes because it looks."""
    monkeypatch.setattr(devices, "_FEATURES_AT_ONCE", {"cpu": 400})  # two tiles together
    pictures = [photograph(seed, 32, 32) for seed in range(2)]
    recipe = dataclasses.replace(TILED, bits=None, coarseness=0.01).with_steps(4, cover=3)
    covers, seen = [], {}
    represent = steps.represent_cover

    def keep_cover(job, tiles):
        trained = represent(job, tiles)
        covers.extend(unstack(trained.to_weights()))
        return trained

    def watch(step, tiles, functions):
        seen.setdefault(step, []).extend(zip(tiles, unstack(functions()), strict=True))

    monkeypatch.setattr(steps, "represent_cover", keep_cover)
    stego = hide(pictures, keys[:1], recipe, seed=3, on_step=watch).stego
    assert list(seen) == [0, 1, 2, 3, 4]
    assert all([tile for tile, _ in functions] == [0, 1, 2, 3] for functions in seen.values())
    assert stego.digest == hide(pictures, keys[:1], recipe, seed=3).stego.digest
    published = unstack(stego.tiles(range(4)))
    for tile in range(4):
        ways = (covers[tile], *(seen[step][tile][1] for step in (0, 3, 4)), published[tile])
        for cover, first, third, last, own in zip(*ways, strict=True):
            np.testing.assert_allclose(first.weight, cover.weight, atol=2.0**-12)
            np.testing.assert_array_equal(last.weight, own.weight)
            assert (third.weight != own.weight).any()


def test_tiles_share_a_budget_of_seconds(keys, monkeypatch):
    looks = itertools.count()
    monkeypatch.setattr(time, "monotonic", lambda: next(looks) / 10)
    monkeypatch.setattr(devices, "_FEATURES_AT_ONCE", {"cpu": 1})
    heard = []
    hide([photograph(1, 32, 32)], [], TILED, seconds=200, on_progress=heard.append)
    last = [[event for event in heard if event.tiles_done == tile][-1] for tile in range(4)]
    assert all(event.stage == "joint" and event.seconds_left < 1 for event in last)
    assert max(event.step for event in last) < 2 * min(event.step for event in last)
    assert 180 < next(looks) / 10 < 230


def test_a_plan_says_what_will_be(pictures, keys):
    recipe = TILED.with_steps(2, cover=2)
    secrets = list(zip(keys, pictures[1:], strict=True))
    planned = ss.plan(pictures[0], secrets, recipe=recipe)
    stego = hide(pictures, keys, recipe).stego
    made = (stego.grid, SMALL, stego.parameters)
    assert (planned.grid, planned.architecture, planned.parameters) == made
    assert planned.carrier_bytes == pytest.approx(len(dumps(stego)), abs=1000)
    assert planned.memory_bytes > 2 * planned.carrier_bytes
    budgeted = ss.plan(pictures[0], secrets, recipe=recipe, options=ss.Options(seconds=77))
    assert budgeted.seconds == 77


@pytest.mark.parametrize(
    ("secrets", "functions", "trained"),
    [(0, 0, 1), (0, 2, 3), (1, 2, 3), (2, 2, 3), (2, 0, 3), (1, 3, 5)],
)
def test_decoys_take_the_places_of_missing_secrets(pictures, keys, secrets, functions, trained):
    heard, recipe = [], dataclasses.replace(QUICK, functions=functions).with_steps(90)
    stego = hide(pictures[: 1 + secrets], keys[:secrets], recipe, on_progress=heard.append).stego
    assert {len(event.psnr) for event in heard if event.stage == "joint"} == {trained}
    assert min(heard[-1].psnr) > 13  # decoys were learned too
    assert [ss.unlock(stego, key, force=True).found for key in keys] == [True] * secrets + [
        False
    ] * (2 - secrets)


def test_decoys_alone_leave_no_mask_behind(pictures):
    recipe = dataclasses.replace(QUICK, selection="magnitude").with_steps(2)
    assert hide(pictures[:1], [], recipe).mask is None


def test_decoys_from_ones_own_pictures(pictures, keys, monkeypatch):
    seen = []
    job_of = jobs.Job
    monkeypatch.setattr(jobs, "Job", lambda **named: seen.append(named) or job_of(**named))
    own = [photograph(seed, 30, 60) for seed in range(50, 54)]
    hide(
        pictures[:2],
        keys[:1],
        dataclasses.replace(QUICK, functions=3).with_steps(1, cover=1),
        decoys=own,
    )
    first, second, third = (own.picture for own in seen[0]["decoys"])
    assert first.shape == second.shape == pictures[0].shape
    assert np.abs(first - second.astype(float)).mean() > 2
    middles = [resize(picture[:, 15:45], 24, 24) for picture in map(to_uint8, own)]
    for decoy in (first, second, third):
        assert any(np.array_equal(decoy, middle) for middle in middles)


def test_robust_training_survives_pruning_and_rounding_better(pictures, keys):
    def after(recipe):
        stego = hide(pictures, keys, recipe, seed=1).stego
        changed = quantise(prune(stego, 0.2), 8)
        return min(
            psnr(picture, ss.reveal(changed, key))
            for picture, key in zip(pictures[1:], keys, strict=True)
        )

    assert after(QUICK.robust()) > after(QUICK) + 4


def test_the_papers_recipe_runs(pictures, keys):
    recipe = dataclasses.replace(ss.PAPER, **NETWORK).with_steps(30, cover=30)
    hidden = hide(pictures, keys, recipe)
    assert hidden.mask is not None
    assert psnr(pictures[0], ss.sample(hidden.stego)) > 10


def test_what_cannot_be_is_refused_before_training(pictures, keys, monkeypatch):
    monkeypatch.setattr(steps, "represent_cover", None)
    with pytest.raises(SettingError, match="twice"):
        hide(pictures, [keys[0], keys[0]])
    with pytest.raises(SettingError, match="too large"):
        ss.fit(np.zeros((600, 600, 3)), recipe=ss.PAPER)
    wide = [photograph(3, 24, 250), *pictures[:2]]
    with pytest.raises(SettingError, match="24x24 pixels is too small for 250x24 tiles"):
        hide(wide, keys, dataclasses.replace(QUICK, tile=1))
    for coarseness in (1e5, np.inf):
        with pytest.raises(SettingError, match="steps must be"):
            hide(pictures, keys, dataclasses.replace(QUICK, bits=None, coarseness=coarseness))
    fine = dataclasses.replace(QUICK, bits=None, coarseness=1e-3, omega=5000.0)
    with pytest.raises(SettingError, match="first steps must be larger"):
        hide(pictures, keys, fine)
    with pytest.raises(SettingError, match="at most 64"):
        ss.hide(pictures[0], [(ss.SecretKey.generate(), pictures[1])] * 65)
    with pytest.raises(SettingError, match="CUDA"):
        hide(pictures, keys, device="cuda")


@pytest.mark.slow
def test_full_size_quality_and_resumption(tmp_path, monkeypatch):
    """Photographs of 128x128 at the best quality; a stopped run ends as an undisturbed one."""
    names = ("astronaut", "chelsea", "coffee")
    pictures, keys = (
        [fill(photograph_of(name), 128, 128) for name in names],
        [ss.SecretKey.generate() for _ in range(2)],
    )
    secrets, best = list(zip(keys, pictures[1:], strict=True)), ss.FAST.at("archive")
    whole = ss.hide(pictures[0], secrets, recipe=best, options=ss.Options(seed=1)).stego
    monkeypatch.setattr(checkpoints, "INTERVAL", 0.5)
    path = tmp_path / "song.checkpoint"

    def stop(progress):
        if progress.stage == "joint" and progress.step > 400:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ss.hide(
            pictures[0],
            secrets,
            recipe=best,
            options=ss.Options(seed=1, checkpoint=path, on_progress=stop),
        )
    going_on = ss.Options(seed=1, checkpoint=path, resume=True)
    resumed = ss.hide(pictures[0], secrets, recipe=best, options=going_on).stego
    for picture, key in zip(pictures, [None, *keys], strict=True):
        ends = [
            psnr(picture, ss.sample(run) if key is None else ss.reveal(run, key))
            for run in (whole, resumed)
        ]
        assert min(ends) > 44
        assert ends[1] > ends[0] - 0.3
        border, inside = border_and_inside(
            picture, ss.sample(whole) if key is None else ss.reveal(whole, key), side=32
        )
        assert border < 1.1 * inside
