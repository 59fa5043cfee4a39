"""What is asked for reaches the place that does it.

Parts have tests of their own; here are the lines that pass the right thing on: from `hide` and the
command to the training, and from one stage, tile, run or file to the next. Each test was seen to
fail with its line broken.
"""

import contextlib
import dataclasses
import itertools
import os
import time

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

import sirensong as ss
from functions import unstack
from sirensong import cli
from sirensong.carrier.file import dumps
from sirensong.carrier.slots import SLOT_BYTES, open_slots
from sirensong.network.siren import Architecture, Layer, evaluate, initial_weights
from sirensong.training import recipe as recipes
from sirensong.training.optimizer import Muon
from sirensong.training.parameters import Parameters
from sirensong.training.perturb import perturb
from sirensong.training.step import TrainingPass

# The internal names that tests replace, each in one place.
KEY_WEIGHTS = "sirensong.training.steps.key_weights"
"""Draws the key weights of one secret function: (key, ...)."""
AT_ONCE = ("sirensong.training.device._FEATURES_AT_ONCE", {"cpu": 1})
"""Where it says how many tiles are trained together, and what to put there for one."""
TRAINING_BAR = "sirensong.cli.running.training_bar"
"""Yields the listener with which the command trains."""

SMALL = ss.Architecture(hidden_features=16, hidden_layers=2, omega=10)
SMALL_NETWORK = {"hidden_features": 16, "hidden_layers": 2, "omega": 10, "bits": 110.0}
SMALL_OPTIONS = ["--hidden-features", "16", "--hidden-layers", "2", "--omega", "10"]
SMALL_OPTIONS += ["--quality", "archive"]
CPU = torch.device("cpu")
STILL = {"rate": 0.0, "adam_rate": 0.0, "last_rate": 0.0, "decay": 0.0}
"""Rates at which nothing moves: the errors that a step reports tell which pixels it looked at."""


def small(*, cover_steps=2, joint_steps=3, share=1.0, keep_best=False, hold=0.5, **changes):
    """A recipe of few steps. share: of a tile's pixels in a step of either stage."""
    batches = ((0.0, share),)
    return dataclasses.replace(
        ss.FAST,
        cover=ss.Phase(cover_steps, batches, keep_best=keep_best),
        joint=ss.Phase(joint_steps, batches, hold=hold),
        **{"tile": 16, "functions": 0, **SMALL_NETWORK} | changes,
    )


def train(cover, secrets=(), *, recipe=None, on_progress=None, on_step=None, **options):
    """The one call of `hide`."""
    return ss.hide(
        cover,
        secrets,
        recipe=recipe or small(),
        options=ss.Options(on_progress=on_progress, on_step=on_step, **options),
    )


def plan(cover, secrets=(), *, recipe=None, **options):
    """The one call of `plan`."""
    return ss.plan(cover, secrets, recipe=recipe or small(), options=ss.Options(**options))


def cover_functions(cover, secrets=(), **arguments):
    """Hide, and return each tile's weights as the joint stage finds them, by tile."""
    found = {}

    def watch(step, tiles, functions):
        if step == 0:
            found.update(zip(tiles, unstack(functions()), strict=True))

    train(cover, secrets, on_step=watch, **arguments)
    return found


def picture(seed, height=16, width=16):
    """Noise: each of its pixels is another."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def smooth(seed, height=16, width=16):
    """A picture that a small network can learn."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width] / max(height, width)
    phase = rng.uniform(1, 4) * x + rng.uniform(1, 4) * y
    waves = np.sin(phase[:, :, None] + rng.uniform(0, 6, 3))
    return np.rint(waves * 100 + 127).astype(np.uint8)


def key(number):
    return ss.SecretKey(bytes([number]) * 32)


def same(one, other):
    """Whether two networks have the same weights."""
    arrays = zip(itertools.chain(*one), itertools.chain(*other), strict=True)
    return all(np.array_equal(mine, theirs) for mine, theirs in arrays)


@pytest.fixture
def slow_clock(monkeypatch):
    """A minute passes at each look at the clock: every step reports, and writes its checkpoint."""
    looks = itertools.count()
    monkeypatch.setattr(time, "monotonic", lambda: 60.0 * next(looks))


@pytest.fixture
def one_tile_at_a_time(monkeypatch):
    monkeypatch.setattr(*AT_ONCE)


class Listener:
    """Hears of progress, and stops the run at one step as Ctrl-C does, if it is to.

    stop: the step's stage, its number, and how many tiles are done by then; or None.
    """

    def __init__(self, stop=None):
        self.stop, self.heard = stop, []

    def __call__(self, progress):
        self.heard.append(progress)
        if (progress.stage, progress.step, progress.tiles_done) == self.stop:
            raise KeyboardInterrupt

    def errors(self, stage):
        """What was heard of a stage: the PSNR of each report, by its step."""
        return {event.step: event.psnr for event in self.heard if event.stage == stage}


# What the public must not see.


def test_every_decoy_has_a_key_of_its_own(monkeypatch):
    module, name = KEY_WEIGHTS.rsplit(".", 1)
    draw, used = getattr(__import__(module, fromlist=[name]), name), []

    def keep_key(secret_key, *rest):
        used.append(secret_key.secret)
        return draw(secret_key, *rest)

    monkeypatch.setattr(KEY_WEIGHTS, keep_key)
    train(picture(1), recipe=small(functions=4))
    assert len(used) == 4
    assert len(set(used)) == 4


def test_other_weights_under_the_same_nonce_have_other_slots():
    """Else two such carriers, side by side, show which slots are used: all others are alike."""
    keys = [key(number) for number in range(4)]
    secrets = [(own, picture(number)) for number, own in enumerate(keys)]
    one, other = (train(picture(9), secrets, seed=1, precision=p).stego for p in ("fp32", "mixed"))
    assert one.nonce == other.nonce
    assert one.digest != other.digest
    assert not set(slots(one)) & set(slots(other))
    assert [place(one, own) for own in keys] != [place(other, own) for own in keys]


def slots(stego):
    starts = range(0, len(stego.slots), SLOT_BYTES)
    return [stego.slots[start : start + SLOT_BYTES] for start in starts]


def place(stego, own):
    """Which slot a key opens."""
    bound = own.bind(stego.nonce)
    (found,) = [at for at, slot in enumerate(slots(stego)) if open_slots(stego.nonce, slot, bound)]
    return found


# Runs, tiles and stages have each their own beginning and their own pixels.


def test_every_run_and_every_tile_starts_from_other_weights():
    cover, recipe = picture(1, 32, 32), small(**STILL)
    starts = [own for _ in range(2) for own in cover_functions(cover, recipe=recipe).values()]
    assert len(starts) == 8
    assert not any(same(one, other) for one, other in itertools.combinations(starts, 2))


def test_every_run_group_and_stage_looks_at_other_pixels(monkeypatch, one_tile_at_a_time):
    seeds = []

    class Generator(torch.Generator):
        def manual_seed(self, seed):
            seeds.append(seed)
            return super().manual_seed(seed)

    monkeypatch.setattr(torch, "Generator", Generator)
    for _ in range(2):
        train(picture(1, 32, 32))
    assert len(seeds) == 2 * 4 * 2
    assert len(set(seeds)) == len(seeds)


@pytest.mark.parametrize("stage", ["cover", "joint"])
def test_a_resumed_stage_looks_at_other_pixels_than_at_its_beginning(stage, tmp_path, slow_clock):
    recipe = small(cover_steps=6, joint_steps=6, share=1 / 16, **STILL)
    path, before, after = tmp_path / "run.checkpoint", Listener((stage, 4, 0)), Listener()
    with pytest.raises(KeyboardInterrupt):
        train(picture(1), recipe=recipe, seed=1, checkpoint=path, on_progress=before)
    train(picture(1), recipe=recipe, seed=1, checkpoint=path, resume=True, on_progress=after)
    first, resumed = before.errors(stage), after.errors(stage)
    assert list(resumed) == [5, 6]
    assert len(set(first.values())) == 4
    assert not set(first.values()) & set(resumed.values())


@pytest.mark.usefixtures("slow_clock", "one_tile_at_a_time")
def test_what_another_run_left_at_the_checkpoint_is_thrown_away(tmp_path):
    path, mine = tmp_path / "run.checkpoint", picture(1, 16, 32)
    with pytest.raises(KeyboardInterrupt):
        train(picture(2, 16, 32), checkpoint=path, on_progress=Listener(("cover", 2, 1)))
    assert {left.name for left in tmp_path.iterdir()} == {path.name, f"{path.name}.tiles"}
    made = train(mine, seed=1, checkpoint=path).stego
    assert dumps(made) == dumps(train(mine, seed=1).stego)


# The stages.


def test_the_cover_stage_keeps_its_rate_where_the_joint_one_falls(monkeypatch):
    """From the same start, as the system's randomness stands still."""
    monkeypatch.setattr(os, "urandom", bytes)
    covers, songs = [], []
    for hold in (0.0, 1.0):
        recipe = small(cover_steps=4, joint_steps=4, hold=hold)
        covers += cover_functions(picture(1), recipe=recipe).values()
        songs.append(train(picture(1), recipe=recipe).stego)
    assert songs[0].nonce == songs[1].nonce
    assert same(*covers)
    assert songs[0].digest != songs[1].digest


def test_what_the_paper_keeps_of_the_cover_stage_is_its_best_epoch(slow_clock):
    """At a rate so high that errors rise again; the oracle is the function itself, on NumPy."""
    cover, gains = smooth(1), []
    rates = {"rate": 0.3, "momentum": 0.5, "adam_rate": 0.01, "last_rate": 0.01}
    recipe = small(cover_steps=20, keep_best=True, bits=None, coarseness=0.01, **rates)
    for seed in range(6):
        heard = Listener()
        (kept,) = cover_functions(cover, recipe=recipe, seed=seed, on_progress=heard).values()
        (epochs,) = zip(*heard.errors("cover").values(), strict=True)
        assert len(epochs) == 20
        render = evaluate(kept, ss.Grid().patch(0, (16, 16)).coords)
        error = np.square((render + 1) / 2 - cover.reshape(-1, 3) / 255).mean()
        # The joint stage, at rates of 0, has rounded it.
        assert -10 * np.log10(error) == pytest.approx(max(epochs), abs=1e-2)
        gains.append(max(epochs) - max(epochs[0], epochs[-1]))
    assert max(gains) > 0.3  # neither the first nor the last would have done


def test_the_last_progress_is_the_quality_that_is_measured(slow_clock):
    """Steps on whole pictures, one harder than the other, at a rate that has fallen to nothing."""
    heard, pictures = Listener(), [smooth(1), picture(1) // 4 * 3 + 32, smooth(2) // 8 + 112]
    secrets = [(key(1), pictures[1]), (key(2), pictures[2])]
    recipe = small(cover_steps=30, joint_steps=120, hold=0.0)
    stego = train(pictures[0], secrets, recipe=recipe, seed=3, on_progress=heard).stego
    renders = [ss.sample(stego), *(ss.reveal(stego, own) for own, _ in secrets)]
    measured = [ss.measure(*pair).psnr for pair in zip(pictures, renders, strict=True)]
    assert heard.heard[-1].psnr == pytest.approx(measured, abs=0.3)
    assert np.diff(sorted(measured)).min() > 0.6  # so that their order matters


def test_a_batch_that_happens_to_look_good_does_not_end_a_run(slow_clock):
    """The target PSNR is one that a batch seems to reach before the whole picture does."""
    cover, recipe = smooth(1, 32, 32), small(cover_steps=30, joint_steps=40, share=1 / 64, tile=32)
    free, functions = Listener(), {}

    def watch(step, _, copies):
        functions[step] = copies()

    stego = train(cover, recipe=recipe, seed=1, on_progress=free, on_step=watch).stego
    estimates = {step: psnr for step, (psnr,) in free.errors("joint").items()}
    qualities = {}
    for step in estimates:
        then = dataclasses.replace(stego, weights=functions[step])
        qualities[step] = ss.measure(cover, ss.sample(then)).psnr

    def arrival(target, *numbers):
        """The first step at which all of these numbers are as high as the target, or the last."""
        return next((step for step in estimates if all(of[step] >= target for of in numbers)), 40)

    targets = [(estimates[step] + qualities[step]) / 2 for step in estimates]
    seeming = {target: arrival(target, estimates) for target in targets}
    true = {target: arrival(target, estimates, qualities) for target in targets}
    target = next(target for target in targets if seeming[target] < true[target] < 40)
    heard = Listener()
    train(cover, recipe=recipe, seed=1, psnr=target, on_progress=heard)
    assert heard.heard[-1].step == true[target]


# How it is run.


def test_training_has_as_many_threads_as_were_asked_for(torch_threads):
    torch_threads(1)
    seen = set()
    train(picture(1), threads=2, on_step=lambda *_: seen.add(torch.get_num_threads()))
    assert seen == {2}


class Products(TorchDispatchMode):
    """Collects the types of numbers that batched matrix products are done in."""

    def __init__(self):
        super().__init__()
        self.types = set()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        if function.name().startswith("aten::bmm"):
            self.types.add(args[0].dtype)
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize(("precision", "mixed"), [("fp32", False), ("mixed", True)])
@pytest.mark.parametrize("verb", [train, plan])
def test_training_and_its_plan_have_the_precision_that_was_asked_for(
    verb, precision, mixed, uncompiled
):
    with Products() as products:
        verb(picture(1), precision=precision)
    assert torch.float32 in products.types
    assert (torch.bfloat16 in products.types) == mixed


def test_the_last_bias_learns_in_full_precision_in_mixed_training_too():
    rng, gradients = np.random.default_rng(1), []
    weights = Parameters.from_weights(initial_weights(SMALL, [rng]), CPU)
    coords = torch.from_numpy(rng.uniform(-1, 1, (1, 32, 2)).astype(np.float32))
    colours = torch.from_numpy(rng.uniform(-1, 1, (1, 32, 3)).astype(np.float32))
    for dtype in (torch.float32, torch.bfloat16):
        one_pass = TrainingPass(SMALL, 1, 32, device=CPU, backward_dtype=dtype)
        gradients.append(one_pass.run(weights, coords, colours, torch.ones(1))[1])
    exact, mixed = gradients
    assert torch.equal(exact.last_bias, mixed.last_bias)
    assert not torch.equal(exact.last, mixed.last)


# The tuned numbers and the parts that they are for.


def test_the_default_recipe_is_the_tuned_one():
    """Found by measuring (docs/performance.md): a change of these is a change of every carrier."""
    assert dataclasses.asdict(ss.FAST) == TUNED


TUNED = {
    "name": "fast",
    "cover": dataclasses.asdict(ss.Phase(100, ((0.0, 1 / 8),))),
    "joint": dataclasses.asdict(
        ss.Phase(1500, ((0.0, 1 / 16), (0.3, 1 / 8), (0.6, 1 / 4)), hold=0.6)
    ),
    "optimizer": "muon",
    "rate": 0.05,
    "adam_rate": 4.5e-3,
    "last_rate": 6e-3,
    "adam_betas": (0.9, 0.97),
    "momentum": 0.95,
    "tilt": 0.2,
    "gain": 1.2,
    "tile": None,
    "bits": 23.7,
    "whole_file": False,
    "features": 1.5,
    "hidden_features": None,
    "hidden_layers": 6,
    "omega": None,
    "frequency": 0.5,
    "selection": "keyed",
    "ratio": None,
    "lock": {"weight": 0.3, "hold": 0.1, "end": 0.004},
    "functions": 2,
    "decoys": "photographs",
    "stego_weight": None,
    "emphasis": 1.0,
    "coarseness": 0.01,
    "decay": 0.003,
}


def test_muon_looks_ahead_along_its_momentum_and_orthogonalises_in_five_steps():
    """Nesterov's momentum and Jordan's quintic, in NumPy."""
    rng, matrices = np.random.default_rng(1), torch.zeros(1, 1, 6, 6)
    muon = Muon(matrices, torch.ones(1, 1, 6, 6), rate=0.1, momentum=0.8)
    velocity, expected = np.zeros((6, 6)), np.zeros((6, 6))
    for _ in range(3):
        gradient = rng.normal(size=(6, 6))
        muon.step([torch.from_numpy(gradient).float()[None, None]], torch.tensor(1.0))
        velocity = 0.8 * velocity + 0.2 * gradient
        expected -= 0.1 * quintic(0.8 * velocity + 0.2 * gradient)
    np.testing.assert_allclose(matrices[0, 0], expected, atol=1e-5)


def quintic(x):
    x = x / np.linalg.norm(x)
    for _ in range(5):
        gram = x @ x.T
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    return x


def test_noise_is_in_deviations_of_its_own_matrix_whatever_the_others_are():
    architecture = Architecture(hidden_features=64, hidden_layers=3)
    weights = initial_weights(architecture, [np.random.default_rng(seed) for seed in range(2)])
    for weight, _ in weights:
        weight[1] *= 10
    shared = Parameters.from_weights(weights, CPU)
    shared.hidden[1] *= 100
    seen = perturb(shared, ss.Phase(1, noise=0.1), torch.Generator().manual_seed(1))
    for name in ("first", "hidden", "last"):
        before = getattr(shared, name)
        added = getattr(seen, name) - before
        wanted = 0.1 * before.std((-2, -1))
        torch.testing.assert_close(added.std((-2, -1)), wanted, rtol=0.2, atol=0)


# Files.


def with_weight(stego, path, weight):
    """Write a carrier with one bias of this size."""
    layers = [Layer(*(array.copy() for array in layer)) for layer in stego.weights]
    layers[1].bias[0, 3] = weight
    ss.save(path, dataclasses.replace(stego, weights=tuple(layers)))
    return path


@pytest.mark.parametrize("weight", [1e6, -1e6])
def test_the_largest_weights_are_read(weight, tmp_path, stego):
    coarse = dataclasses.replace(stego, steps=(64.0,) * len(stego.steps)).rounded()
    path = with_weight(coarse, tmp_path / "song", weight)
    assert ss.load(path).weights[1].bias[0, 3] == weight


@pytest.mark.parametrize("weight", [2e9, -2e9])
def test_larger_weights_are_refused(weight, tmp_path, stego):
    with pytest.raises(ss.SettingError, match=r"the weights of layer 1 must be .* at most 1e"):
        with_weight(stego, tmp_path / "song", weight)


# The command.

SONG = "song.safetensors"


@pytest.fixture
def command(tmp_path, monkeypatch, slow_clock):
    """A folder of pictures and a key to stand in; returns the words of a small hide there."""
    monkeypatch.setitem(recipes.RECIPES, "fast", small(cover_steps=3, joint_steps=5))
    monkeypatch.chdir(tmp_path)
    for seed, name in enumerate(("cover.png", "secret.png")):
        ss.to_pil(smooth(seed) / np.float32(255)).save(name)
    ss.write_key("alice.key", key(1))
    secret = ["--secret", "alice.key=secret.png"]
    return ["hide", "cover.png", *secret, "-o", SONG, *SMALL_OPTIONS]


def listen_with(monkeypatch, listener):
    """Have the command train with this listener, in place of its progress bar."""
    monkeypatch.setattr(TRAINING_BAR, lambda *_: contextlib.nullcontext(listener))


def files(folder):
    return {path.name for path in folder.iterdir()} - {"cover.png", "secret.png", "alice.key"}


def test_the_command_deletes_its_checkpoint_in_the_end(command, tmp_path, monkeypatch):
    during = []
    listen_with(monkeypatch, lambda _: during.append(files(tmp_path)))
    assert cli.run(command) == 0
    assert during[-1] == {f"{SONG}.checkpoint", f"{SONG}.checkpoint.tiles"}
    assert files(tmp_path) == {SONG}


def test_the_command_resumes_the_run_that_was_interrupted(command, tmp_path, monkeypatch, capsys):
    listen_with(monkeypatch, Listener(("joint", 3, 0)))
    assert cli.run(command) == cli.EXIT_INTERRUPTED
    assert "--resume goes on from here" in capsys.readouterr().err
    checkpoint = (tmp_path / f"{SONG}.checkpoint").read_bytes()

    resumed = Listener()
    listen_with(monkeypatch, resumed)
    assert cli.run([*command, "--resume"]) == 0
    assert (resumed.heard[0].stage, resumed.heard[0].step) == ("joint", 4)
    stego = ss.load(tmp_path / SONG)
    assert stego.nonce in checkpoint
    assert ss.unlock(stego, key(1)).found
    assert files(tmp_path) == {SONG}
