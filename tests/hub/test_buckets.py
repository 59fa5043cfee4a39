"""Buckets: moto's server of S3's language, over the network."""

import pytest

import sirensong as ss
from sirensong.errors import FileError, FormatError
from sirensong.hub.addresses import parse_address
from sirensong.hub.fetching import fetch

KEY = "a/song.safetensors"
NAMES = ["README.md", "preview.png", "song.safetensors"]


def put(bucket, data):
    bucket.put_object(Bucket="songs", Key=KEY, Body=data)


def load(**options):
    return fetch(parse_address(f"s3://songs/{KEY}"), **options).read_bytes()


def test_a_song_comes_byte_for_byte(bucket, song):
    put(bucket, song)
    assert load() == song
    assert ss.dumps(ss.load("s3://songs/a/")) == song


def test_new_versions_come_and_what_is_there_does_not(bucket, songs, monkeypatch):
    for song in songs:
        put(bucket, song)
        assert load() == song
    monkeypatch.setattr("s3fs.S3FileSystem.open", None)
    assert load() == songs[1]


def test_offline(bucket, song):
    with pytest.raises(FileError, match="is not in the cache"):
        load(offline=True)
    put(bucket, song)
    load()
    bucket.delete_object(Bucket="songs", Key=KEY)
    assert load(offline=True) == song


def test_too_large_is_refused_before_it_is_sent(bucket, song, monkeypatch):
    put(bucket, song)
    monkeypatch.setattr("s3fs.core.S3File._fetch_range", None)
    with pytest.raises(FormatError, match=f"at most 99 bytes, got {len(song)}"):
        load(largest=99)


def test_a_web_page_is_refused(bucket):
    put(bucket, b"<!doctype html>" + b" " * 3000)
    with pytest.raises(FormatError, match="is a web page, not a carrier"):
        load()


def stopped(monkeypatch, song):
    """Fetch until some bytes are there."""
    monkeypatch.setattr("sirensong.hub.buckets._PIECE", len(song) // 3)
    with pytest.raises(KeyboardInterrupt):
        load(on_bytes=stop_in_the_middle)


def stop_in_the_middle(done, size):
    if done > size // 2:
        raise KeyboardInterrupt


def test_a_download_goes_on_where_it_ended(bucket, song, monkeypatch):
    put(bucket, song)
    stopped(monkeypatch, song)
    counts = []
    assert load(on_bytes=lambda done, _: counts.append(done)) == song
    assert counts[0] > 2 * (len(song) // 3)


def test_two_versions_are_never_mixed(bucket, songs, monkeypatch):
    put(bucket, songs[0])
    stopped(monkeypatch, songs[0])
    put(bucket, songs[1])
    assert load() == songs[1]


def test_a_version_that_changes_meanwhile_is_an_error(bucket, songs, monkeypatch):
    put(bucket, songs[0])
    monkeypatch.setattr("sirensong.hub.buckets._PIECE", len(songs[0]) // 3)
    with pytest.raises(FileError, match=r"^cannot fetch s3://songs/"):
        load(on_bytes=lambda *_: put(bucket, songs[1]))
    assert load() == songs[1]


def test_what_is_missing_is_told(bucket):
    for key in ("s3://songs/none", "s3://nobodys-bucket/a"):
        with pytest.raises(FileError, match=r"there is no such object or bucket$"):
            ss.load(key)


def test_a_store_that_does_not_answer(bucket, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1")
    monkeypatch.setattr("s3fs.S3FileSystem.cachable", False)
    with pytest.raises(FileError, match=r"^cannot fetch s3://songs/a: "):
        ss.load("s3://songs/a")


@pytest.mark.parametrize(
    "place", ["s3://songs/b", "s3://songs/b/", "s3://songs/b/song.safetensors"]
)
def test_three_files_are_published(place, bucket, carrier, song):
    told = ss.publish(carrier, place, license_id="cc0-1.0")
    assert told.address == "s3://songs/b/song.safetensors"
    found = bucket.list_objects_v2(Bucket="songs")["Contents"]
    assert [one["Key"] for one in found] == [f"b/{name}" for name in NAMES]
    for name in NAMES:
        one = bucket.get_object(Bucket="songs", Key=f"b/{name}")
        assert one["Body"].read() == told.files[name]
        assert one["Metadata"] == {}
    assert ss.dumps(ss.load(told.address)) == song


def test_the_root_of_a_bucket(bucket, carrier):
    ss.publish(carrier, "s3://songs", license_id="cc0-1.0")
    found = bucket.list_objects_v2(Bucket="songs")["Contents"]
    assert [one["Key"] for one in found] == NAMES


def test_a_carrier_that_is_there_is_not_replaced_unless_told(bucket, carrier, songs):
    ss.publish(carrier, "s3://songs/a", license_id="cc0-1.0")
    carrier.write_bytes(songs[1])
    with pytest.raises(FileError, match="two versions of one cover") as told:
        ss.publish(carrier, "s3://songs/a", license_id="cc0-1.0")
    assert "--overwrite" in told.value.hint
    assert load() == songs[0]
    ss.publish(carrier, "s3://songs/a", license_id="cc0-1.0", overwrite=True)
    assert load() == songs[1]


def test_another_s_card_is_not_replaced(bucket, carrier):
    bucket.put_object(Bucket="songs", Key="a/README.md", Body=b"mine")
    with pytest.raises(FileError, match=r"^s3://songs/a/README.md exists$"):
        ss.publish(carrier, "s3://songs/a", license_id="cc0-1.0")
    found = bucket.list_objects_v2(Bucket="songs")["Contents"]
    assert [one["Key"] for one in found] == ["a/README.md"]


def test_a_carrier_that_comes_meanwhile_is_not_replaced(bucket, carrier, songs, monkeypatch):
    put(bucket, songs[1])
    monkeypatch.setattr("s3fs.S3FileSystem.exists", lambda *_: False)
    with pytest.raises(FileError):
        ss.publish(carrier, "s3://songs/a", license_id="cc0-1.0")
    assert load() == songs[1]


def test_without_a_bucket_nothing_is_published(bucket, carrier):
    with pytest.raises(FileError, match=r"^cannot publish to s3://nobodys-bucket/"):
        ss.publish(carrier, "s3://nobodys-bucket", license_id="cc0-1.0")


def test_anybody_reads_what_is_for_anybody(bucket, song, monkeypatch):
    bucket.put_object(Bucket="songs", Key=KEY, Body=song, ACL="public-read")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    monkeypatch.setattr("s3fs.S3FileSystem.cachable", False)  # or one with keys would serve
    assert load() == song
