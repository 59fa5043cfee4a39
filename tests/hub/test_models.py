"""Model repositories: the Hub's own client, against a stub that is not the Hub.

With SIRENSONG_HF_TOKEN and SIRENSONG_HF_REPOSITORY (user/name, which is written to) one test asks
the Hub itself.
"""

import os

import pytest

import sirensong as ss
from sirensong.errors import FileError, FormatError
from sirensong.hub.addresses import parse_address
from sirensong.hub.fetching import fetch

# The client warns of itself: it hands bytes to httpx2 in an old way.
pytestmark = pytest.mark.filterwarnings("ignore:Use .content=:DeprecationWarning")

NAMES = [".gitattributes", "README.md", "preview.png", "song.safetensors"]


def load(place="hf://me/name", **options):
    return fetch(parse_address(place), **options).read_bytes()


@pytest.fixture
def published(hub_stub, song):
    """A repository on the stub that has the song."""
    hub_stub.repositories["me/name"] = [{}, {"song.safetensors": song, "b/c.st": song}]
    return hub_stub


def test_three_files_are_published_in_one_commit(hub_stub, carrier, song, capsys):
    told = ss.publish(carrier, "hf://me/name", license_id="cc0-1.0")
    _, second = hub_stub.repositories["me/name"]
    assert sorted(second) == NAMES
    assert {name: second[name] for name in told.files} == told.files
    assert hub_stub.summaries == [("A picture as a neural function", "")]
    assert ss.dumps(ss.load("hf://me/name")) == song
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "")


def test_the_card_is_what_the_hub_reads(hub_stub, carrier):
    from huggingface_hub import ModelCard

    read = ModelCard(ss.publish(carrier, "hf://me/name", license_id="cc-by-4.0").card).data
    assert (read.license, read.library_name) == ("cc-by-4.0", "sirensong")
    assert read.pipeline_tag == "unconditional-image-generation"
    assert "implicit-neural-representation" in read.tags


def test_a_carrier_that_is_there_is_not_replaced_unless_told(hub_stub, carrier, songs):
    ss.publish(carrier, "hf://me/name", license_id="cc0-1.0")
    carrier.write_bytes(songs[1])
    with pytest.raises(FileError, match="two versions of one cover"):
        ss.publish(carrier, "hf://me/name", license_id="cc0-1.0")
    assert load() == songs[0]
    ss.publish(carrier, "hf://me/name", license_id="cc0-1.0", overwrite=True)
    assert load() == songs[1]


def test_another_s_card_is_not_replaced(hub_stub, carrier):
    hub_stub.repositories["me/name"] = [{"README.md": b"mine", "model.bin": b""}]
    with pytest.raises(FileError, match=r"^hf://me/name/README.md exists$"):
        ss.publish(carrier, "hf://me/name", license_id="cc0-1.0")
    assert len(hub_stub.repositories["me/name"]) == 1
    ss.publish(carrier, "hf://me/name", license_id="cc0-1.0", overwrite=True)
    assert sorted(hub_stub.repositories["me/name"][-1]) == sorted([*NAMES[1:], "model.bin"])


def test_a_repository_that_changes_meanwhile_is_left_alone(published, carrier, monkeypatch):
    from huggingface_hub import HfApi

    asked = HfApi.repo_info

    def ask(self, *args, **options):
        found = asked(self, *args, **options)
        published.repositories["me/name"].append(published.repositories["me/name"][-1])
        return found

    monkeypatch.setattr(HfApi, "repo_info", ask)
    with pytest.raises(FileError, match="the Hub answers 412"):
        ss.publish(carrier, "hf://me/name", license_id="cc0-1.0", overwrite=True)


@pytest.mark.parametrize("place", ["hf://me/name", "hf://me/name@main", "hf://me/name/b/c.st"])
def test_a_file_of_a_revision(place, published, song):
    assert load(place) == song


def test_an_earlier_commit(published, songs):
    commits = published.repositories["me/name"]
    commits.append({"song.safetensors": songs[1]})
    assert load() == songs[1]
    from hub_servers import HubStub

    assert load(f"hf://me/name@{HubStub.sha(None, commits[:2])}") == songs[0]


def test_offline_takes_what_is_there_and_asks_nobody(published, songs):
    with pytest.raises(FileError, match="is not in the cache"):
        load(offline=True)
    assert published.asked == []
    load()
    asked = len(published.asked)
    published.repositories["me/name"].append({"song.safetensors": songs[1]})
    assert load(offline=True) == songs[0]
    assert len(published.asked) == asked


def test_the_client_s_own_variable_keeps_it_offline(published, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(FileError, match="is not in the cache"):
        load()
    assert published.asked == []


def test_nothing_is_told_of_who_asks(published, carrier):
    load()
    ss.publish(carrier, "hf://me/name", license_id="cc0-1.0", overwrite=True)
    assert not any("harness" in path for path, _ in published.asked)
    told = {headers["user-agent"] for _, headers in published.asked}
    assert told
    assert not any("torch" in agent or "; agent/" in agent for agent in told)


def test_too_large_is_refused_before_it_is_sent(published, song):
    with pytest.raises(FormatError, match=f"at most 99 bytes, got {len(song)}"):
        load(largest=99)
    assert not any(path.startswith("GET /me/name/resolve") for path, _ in published.asked)


def test_more_than_was_promised_is_cut_off(published, song):
    published.claimed["song.safetensors"] = 2000
    published.answers["song.safetensors"] = lambda handler: handler.send_endlessly(song)
    with pytest.raises(FormatError, match=f"at most {10**6} bytes"):
        load(largest=10**6)
    assert published.sent < 2**26


def test_a_web_page_is_refused(published):
    published.repositories["me/name"].append({"song.safetensors": b"<html>" + b" " * 2000})
    with pytest.raises(FormatError, match=r"^hf://me/name is a web page, not a carrier"):
        load()


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("hf://me/other", "there is no such repository, or it is private"),
        ("hf://me/name@v2", "there is no such revision"),
        ("hf://me/name/x.st", r"there is no x\.st"),
    ],
)
def test_what_is_missing_is_told(place, words, published):
    with pytest.raises(FileError, match=f"^cannot fetch {place}: {words}$"):
        load(place)


def test_a_hub_that_does_not_answer(published, song, monkeypatch):
    load()
    monkeypatch.setattr(
        "huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", "http://127.0.0.1:1/{repo_id}"
    )
    with pytest.raises(FileError, match=r"^cannot fetch hf://me/name: "):
        load()
    assert load(offline=True) == song


def test_a_download_goes_on_where_it_ended(published, song, monkeypatch):
    end = len(song) // 2
    tries = []

    def half(handler):
        tries.append(handler.headers.get("Range"))
        if len(tries) == 1:
            handler.send(200, song[:end], length=len(song))
        else:
            handler.serve(song)

    published.answers["song.safetensors"] = half
    monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda _: None)
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", end)  # usually 10 MiB
    assert load() == song
    assert tries == [None, f"bytes={end}-"]


@pytest.mark.parametrize(
    "place",
    [
        "hf://me/name@main",
        "hf://me/name/a.safetensors",
        "https://host/a",
        "oci://host/a@sha256:" + "0" * 64,
    ],
)
def test_what_is_no_place_to_publish_to_is_refused(place, carrier):
    with pytest.raises(ss.SettingError, match=r"^cannot publish to "):
        ss.publish(carrier, place, license_id="cc0-1.0")


@pytest.mark.skipif(
    not {"SIRENSONG_HF_TOKEN", "SIRENSONG_HF_REPOSITORY"} <= set(os.environ),
    reason="asks the Hub itself: SIRENSONG_HF_TOKEN and SIRENSONG_HF_REPOSITORY are not set",
)
def test_the_hub_itself(carrier, song, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", os.environ["SIRENSONG_HF_TOKEN"])
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hf"))
    place = f"hf://{os.environ['SIRENSONG_HF_REPOSITORY']}"
    told = ss.publish(carrier, place, license_id="cc0-1.0", overwrite=True)
    assert load(place) == told.files["song.safetensors"] == song
