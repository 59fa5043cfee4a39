"""Pictures, keys and a song with two secrets, for all tests of the command."""

import pytest

import sirensong as ss
from command import QUICK, SMALL, photograph
from sirensong import cli
from sirensong.training import recipe as recipes


@pytest.fixture(autouse=True)
def quick_recipes(monkeypatch):
    """The recipes that the command knows, shortened."""
    monkeypatch.setitem(recipes.RECIPES, "fast", QUICK)
    monkeypatch.setitem(recipes.RECIPES, "paper", ss.PAPER.with_steps(4, cover=4))


@pytest.fixture(scope="session", autouse=True)
def no_pool(tmp_path_factory):
    """A place without a pool of decoys, whatever the person who runs the tests has."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SIRENSONG_DECOYS", str(tmp_path_factory.mktemp("nothing") / "decoys"))
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Made by the command once for all tests of a file that only look."""
    folder = tmp_path_factory.mktemp("songs")
    sizes = {"cover.png": (24, 24), "holiday.png": (24, 24), "map.png": (30, 20)}
    for seed, (name, size) in enumerate(sizes.items()):
        photograph(seed, *size).save(folder / name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(recipes.RECIPES, "fast", QUICK)
        patch.chdir(folder)
        for name in ("alice", "bob", "eve"):
            assert cli.run(["keygen", "-o", f"{name}.key"]) == 0
        secrets = ["--secret", "alice.key=holiday.png", "--secret", "bob.key=map.png"]
        assert cli.run(["hide", "cover.png", *secrets, "-o", "song.safetensors", *SMALL]) == 0
    return folder


@pytest.fixture
def at(folder, monkeypatch):
    """Stand in the folder."""
    monkeypatch.chdir(folder)
    return folder
