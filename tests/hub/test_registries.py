"""Registries of containers: Debian's docker-registry, and one that lies."""

import hashlib
import json

import pytest
import requests

import sirensong as ss
from sirensong.errors import FileError, FormatError
from sirensong.hub.addresses import parse_address
from sirensong.hub.fetching import fetch

NAMES = ["README.md", "preview.png", "song.safetensors"]


def load(place, **options):
    return fetch(parse_address(place), **options).read_bytes()


@pytest.fixture
def place(oci, request):
    """A repository of each test's own."""
    name = hashlib.sha256(request.node.name.encode()).hexdigest()[:12]
    return f"oci://{oci}/songs/{name}"


def manifest(place):
    url = place.replace("oci://", "http://").replace("/songs", "/v2/songs", 1)
    kind = {"Accept": "application/vnd.oci.image.manifest.v1+json"}
    return requests.get(f"{url}/manifests/latest", headers=kind, timeout=10).json()


def test_three_files_are_published_and_the_song_comes_back(place, carrier, song):
    told = ss.publish(carrier, place, license_id="cc0-1.0")
    assert told.address == f"{place}:latest"
    assert ss.dumps(ss.load(place)) == song
    found = manifest(place)
    names = {one["annotations"]["org.opencontainers.image.title"] for one in found["layers"]}
    assert sorted(names) == NAMES
    assert found["artifactType"] == found["config"]["mediaType"]
    assert "stays here" not in json.dumps(found)


def test_the_same_is_published_the_same(place, carrier):
    """No time, no name: a second push of the same has the same digest."""
    ss.publish(carrier, place, license_id="cc0-1.0")
    first = manifest(place)
    ss.publish(carrier, place, license_id="cc0-1.0", overwrite=True)
    assert manifest(place) == first


def test_a_tag_that_is_taken_is_not_moved_unless_told(place, carrier, songs):
    ss.publish(carrier, f"{place}:v1", license_id="cc0-1.0")
    carrier.write_bytes(songs[1])
    with pytest.raises(FileError, match="two versions of one cover"):
        ss.publish(carrier, f"{place}:v1", license_id="cc0-1.0")
    assert load(f"{place}:v1") == songs[0]
    ss.publish(carrier, f"{place}:v1", license_id="cc0-1.0", overwrite=True)
    assert load(f"{place}:v1") == songs[1]


def test_what_is_there_is_not_sent_again_and_serves_offline(place, carrier, song, monkeypatch):
    with pytest.raises(FileError, match="is not in the cache"):
        load(place, offline=True)
    ss.publish(carrier, place, license_id="cc0-1.0")
    told = []
    for offline in (False, False, True):
        assert load(place, offline=offline, on_bytes=lambda *_: told.append(1)) == song
    assert len(told) == 1


def test_too_large_is_refused_before_it_is_sent(place, carrier, song):
    ss.publish(carrier, place, license_id="cc0-1.0")
    with pytest.raises(FormatError, match=f"at most 99 bytes, got {len(song)}"):
        load(place, largest=99)


def test_a_download_goes_on_where_it_ended(place, carrier, song, monkeypatch):
    ss.publish(carrier, place, license_id="cc0-1.0")
    monkeypatch.setattr("sirensong.hub.registries.PIECE", 1000)

    def stop(done, size):
        if done > size // 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load(place, on_bytes=stop)
    counts = []
    assert load(place, on_bytes=lambda done, _: counts.append(done)) == song
    assert counts[0] > len(song) // 2


def test_what_is_missing_is_told(place):
    with pytest.raises(FileError, match=r"there is no such artifact$"):
        load(place)


# A registry that lies: the stub has a manifest and a file, and is a plain web server.


@pytest.fixture
def liar(web):
    """Set what a registry has, as it says and as it sends. Returns the address."""

    def has(sent, digest=None, size=None, title="song.safetensors", layers=1):
        digest = digest or f"sha256:{hashlib.sha256(sent).hexdigest()}"
        layer = {"digest": digest, "size": len(sent) if size is None else size}
        layer["annotations"] = {"org.opencontainers.image.title": title}
        web.answers["/v2/a/manifests/latest"] = json.dumps({"layers": [layer] * layers}).encode()
        web.answers[f"/v2/a/blobs/{digest}"] = lambda handler: handler.send(200, sent)
        return f"oci://127.0.0.1:{web.server_port}/a"

    return has


def test_the_only_file_is_taken_whatever_its_name(liar, song):
    assert load(liar(song, title="other.safetensors")) == song


def test_bytes_of_another_digest_are_refused_and_not_kept(liar, songs, cache):
    digest = f"sha256:{hashlib.sha256(songs[1]).hexdigest()}"
    place = liar(songs[0], digest=digest)
    with pytest.raises(FormatError, match="its bytes do not have the digest"):
        load(place)
    assert list(cache.rglob("*.safetensors")) == list(cache.rglob("*.part")) == []


@pytest.mark.parametrize("layers", [0, 2])
def test_an_artifact_without_one_song_is_refused(layers, liar, song):
    with pytest.raises(FormatError, match=r"has no song.safetensors"):
        load(liar(song, layers=layers))


@pytest.mark.parametrize("size", [-1, "9", None, True, 1.5])
def test_a_manifest_of_another_form_is_refused(size, liar, song, web):
    place = liar(song)
    layer = {"digest": "sha256:" + "0" * 64, "size": size}
    web.answers["/v2/a/manifests/latest"] = json.dumps({"layers": [layer]}).encode()
    with pytest.raises(ss.SirensongError):
        load(place)


@pytest.mark.parametrize("data", [b"[]", b"nonsense", b"\xff", b'{"layers": 3}', b"[" * 10**5])
def test_a_manifest_that_is_none_is_refused(data, liar, song, web):
    place = liar(song)
    web.answers["/v2/a/manifests/latest"] = data
    with pytest.raises(ss.SirensongError):
        load(place)


def test_an_endless_manifest_is_cut_off(liar, song, web):
    place = liar(song)
    web.answers["/v2/a/manifests/latest"] = lambda handler: handler.send_endlessly(b"{")
    with pytest.raises(FormatError, match="a manifest of more than"):
        load(place)
    assert web.sent < 2**25


def test_a_manifest_of_another_digest_is_refused(liar, song, web):
    place = liar(song)
    digest = "sha256:" + "0" * 64
    web.answers[f"/v2/a/manifests/{digest}"] = web.answers["/v2/a/manifests/latest"]
    with pytest.raises(FormatError, match="not what its digest stands for"):
        load(f"{place}@{digest}")


def test_a_redirect_off_the_web_is_refused(liar, song, web):
    place = liar(song)
    digest = hashlib.sha256(song).hexdigest()
    web.answers[f"/v2/a/blobs/sha256:{digest}"] = lambda handler: handler.send(
        307, b"", Location="file:///etc/passwd"
    )
    with pytest.raises(FileError, match=r"refused a redirect from http: to file:"):
        load(place)


def test_nothing_that_listens_is_told_at_once():
    with pytest.raises(FileError, match=r"^cannot fetch oci://127.0.0.1:1/a:latest: "):
        load("oci://127.0.0.1:1/a")


def test_a_registry_elsewhere_is_asked_over_tls(liar, song, web, monkeypatch):
    place = liar(song)
    monkeypatch.setattr("sirensong.hub.addresses._LOCAL", ())
    with pytest.raises(FileError, match="ssl"):
        load(place)
    assert web.asked == []
