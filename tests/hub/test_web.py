"""Carriers from web servers: good ones, and ones that lie, hang, redirect and never end."""

import ipaddress
import ssl
import stat
import threading
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hub_servers import serving

import sirensong as ss
from sirensong.carrier.header import Header
from sirensong.errors import FileError, FormatError
from sirensong.hub import arriving
from sirensong.hub import cache as cache_module
from sirensong.hub.addresses import parse_address
from sirensong.hub.cache import Entry
from sirensong.hub.fetching import fetch

NAME = "/a/song.safetensors"


def load(server, path=NAME, **options):
    """What was fetched; it is not decoded, which takes most of the time that a load takes."""
    return fetch(parse_address(f"{server.url}{path}"), **options).read_bytes()


def kept(cache):
    """The files of the cache by their endings, but for what only names versions."""
    paths = [path for path in cache.rglob("*") if path.is_file() and path.suffix != ".version"]
    return sorted(path.suffix for path in paths)


def headers(server, number=-1):
    return server.asked[number][1]


def half(data, **named):
    """An answer that ends in the middle of a file, without a word."""
    end = len(data) // 2
    return lambda handler: handler.send(200, data[:end], length=len(data), **named)


# What a good server has.


def test_a_song_comes_byte_for_byte(web, song):
    web.answers[NAME] = song
    assert ss.dumps(ss.load(web.url + NAME)) == song
    assert load(web, "/a/") == song
    assert [path for path, _ in web.asked] == [NAME, NAME]


def test_what_has_not_changed_is_not_sent_again(web, song, cache):
    web.answers[NAME] = song
    assert load(web) == load(web) == song
    first, second = (named for _, named in web.asked)
    assert "If-None-Match" not in first
    assert second["If-None-Match"].strip('"')
    assert kept(cache) == [".safetensors"]


def test_what_has_changed_is_sent_and_the_old_version_is_gone(web, songs, cache):
    for song in songs:
        web.answers[NAME] = song
        assert load(web) == song
        assert kept(cache) == [".safetensors"]


def test_servers_that_name_no_versions_are_asked_each_time(web, song, cache):
    web.answers[NAME] = lambda handler: handler.serve(song, etag="")
    assert load(web) == load(web) == song
    assert "If-None-Match" not in headers(web)
    assert load(web, offline=True) == song
    assert kept(cache) == [".safetensors"]


@pytest.mark.parametrize("etag", ['"a b"', '"a\tb"', "bare", '"' + "x" * 300 + '"'])
def test_strange_names_of_versions_are_not_taken(etag, web, song, cache):
    web.answers[NAME] = lambda handler: handler.serve(song, etag=etag)
    assert load(web) == load(web) == song
    assert "If-None-Match" not in headers(web)


def test_addresses_of_one_file_are_kept_apart(web, songs, cache):
    for number, song in enumerate(songs):
        web.answers[f"/{number}/song.safetensors"] = song
    assert [load(web, f"/{number}/song.safetensors") for number in (0, 1)] == list(songs)
    assert kept(cache) == [".safetensors"] * 2


def test_only_the_owner_reads_the_cache(web, song, cache, set_umask):
    set_umask(0)
    web.answers[NAME] = song
    load(web)
    (folder,) = cache.iterdir()
    folder.chmod(0o777)
    web.answers[NAME] = lambda handler: handler.serve(song, etag="")
    load(web)
    for path in (cache, folder):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
    (whole,) = cache.rglob("*.safetensors")
    assert stat.S_IMODE(whole.stat().st_mode) == 0o600


def test_progress_is_told(web, song):
    web.answers[NAME] = song
    told = []
    load(web, on_bytes=lambda *counts: told.append(counts))
    assert told[-1] == (len(song), len(song))
    assert [done for done, _ in told] == sorted(done for done, _ in told)


# Offline.


def test_offline_takes_what_is_there_and_asks_nobody(web, songs):
    web.answers[NAME] = songs[0]
    load(web)
    web.answers[NAME] = songs[1]
    asked = len(web.asked)
    assert load(web, offline=True) == songs[0]
    assert len(web.asked) == asked


def test_the_environment_s_word_for_offline_is_heard(web, song, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    web.answers[NAME] = song
    with pytest.raises(FileError, match=r"/a/song.safetensors is not in the cache$"):
        load(web)
    assert web.asked == []


def test_a_part_is_nothing_offline(web, song):
    web.answers[NAME] = half(song, ETag='"one"')
    with pytest.raises(FileError):
        load(web)
    with pytest.raises(FileError, match="is not in the cache"):
        load(web, offline=True)


# Sizes.


def test_too_large_is_refused_before_it_is_sent(web, song, cache):
    web.answers[NAME] = lambda handler: handler.send(200, song[:100], length=10**12)
    with pytest.raises(FormatError, match=f"expected at most {2**29} bytes, got {10**12}$") as told:
        load(web)
    assert "--largest-download" in told.value.hint
    assert kept(cache) == []


def test_the_most_can_be_set(web, song):
    web.answers[NAME] = song
    with pytest.raises(FormatError, match=f"at most {len(song) - 1} bytes, got {len(song)}"):
        load(web, largest=len(song) - 1)
    assert load(web, largest=len(song)) == song
    with pytest.raises(FormatError, match="too large"):
        load(web, largest=len(song) - 1, offline=True)


@pytest.mark.parametrize("chunked", [False, True])
def test_an_endless_song_is_cut_off_where_its_header_ends_it(chunked, web, song, cache):
    web.answers[NAME] = lambda handler: handler.send_endlessly(song, chunked=chunked)
    with pytest.raises(FormatError, match="longer than it says: it was cut off"):
        load(web)
    assert web.sent < 2**24
    assert kept(cache) == []


def test_an_endless_song_of_a_true_header_is_bounded_by_the_most(web, cache):
    """Its header says 7 GB, and no length is sent before."""
    header = huge_header(7 * 10**9)
    web.answers[NAME] = lambda handler: handler.send_endlessly(header)
    with pytest.raises(FormatError, match=f"at most {2**20} bytes, got 7"):
        load(web, largest=2**20)
    assert web.sent < 2**24
    assert kept(cache) == []


def huge_header(coded):
    return Header(ss.Architecture(16, 3, 20.0), ss.Grid(), 30, 40, coded).to_bytes()


def test_endless_nonsense_is_cut_off_at_once(web, cache):
    web.answers[NAME] = lambda handler: handler.send_endlessly(b"\0" * 2000)
    with pytest.raises(FormatError, match="is not a carrier"):
        load(web)
    assert web.sent < 2**24
    assert kept(cache) == []


def test_a_length_that_is_not_the_song_s_is_refused(web, song, cache):
    web.answers[NAME] = song + b"more"
    with pytest.raises(FormatError, match=f"expected {len(song)} bytes, got {len(song) + 4}"):
        load(web)
    assert kept(cache) == []


# What is no song.


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"<!DOCTYPE html><html><body>Sign in</body></html>", "is a web page, not a carrier"),
        (b"\n  <html>" + b"x" * 5000, "is a web page, not a carrier"),
        (b"<?xml version='1.0'?><Error/>", "is a web page, not a carrier"),
        (b"", "is not a carrier: it has 0 bytes"),
        (b"<", "is a web page, not a carrier"),
        (b"short", "is not a carrier: it has 5 bytes"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1", "is not a carrier"),
        (b"PK\x03\x04" + b"\0" * 5000, "is not a carrier"),
        (bytes([60]) + bytes(7) + b"{" + b" " * 3000, "is not a carrier"),
    ],
)
def test_what_is_no_song_is_refused_and_not_kept(data, words, web, cache):
    web.answers[NAME] = data
    with pytest.raises(FormatError, match=words) as told:
        load(web)
    assert f"{web.url}{NAME}" in told.value.message
    assert kept(cache) == []


def test_a_damaged_song_is_told_by_its_address(web, song):
    place = 8 + int.from_bytes(song[:8], "little")  # of the first step, which becomes infinite
    web.answers[NAME] = song[:place] + b"\0\0\x80\x7f" + song[place + 4 :]
    with pytest.raises(FormatError) as told:
        ss.load(web.url + NAME)
    assert told.value.message.startswith(f"{web.url}{NAME} ")


# Resumption.


def test_a_download_goes_on_where_it_ended(web, song, cache):
    web.answers[NAME] = half(song, ETag='"one"')
    with pytest.raises(FileError, match=f"ended after {len(song) // 2} of {len(song)}") as told:
        load(web)
    assert told.value.hint == "the same command goes on from there"
    assert kept(cache) == [".part"]
    web.answers[NAME] = lambda handler: handler.serve(song, '"one"')
    assert load(web) == song
    assert headers(web)["Range"] == f"bytes={len(song) // 2}-"
    assert headers(web)["If-Range"] == '"one"'
    assert kept(cache) == [".safetensors"]


def test_two_versions_are_never_mixed(web, songs):
    web.answers[NAME] = half(songs[0], ETag='"one"')
    with pytest.raises(FileError):
        load(web)
    web.answers[NAME] = lambda handler: handler.serve(songs[1], '"two"')
    assert load(web) == songs[1]


@pytest.mark.parametrize("etag", ['"two"', "", 'W/"one"'])
def test_a_rest_of_another_version_is_refused(etag, web, songs):
    """A server that does not know If-Range sends what it was asked for, of another version."""
    web.answers[NAME] = half(songs[0], ETag='"one"')
    with pytest.raises(FileError):
        load(web)

    def rest(handler):
        start, size = len(songs[0]) // 2, len(songs[1])
        place = {"Content-Range": f"bytes {start}-{size - 1}/{size}"}
        handler.send(206, songs[1][start:], **place, **({"ETag": etag} if etag else {}))

    web.answers[NAME] = rest
    with pytest.raises(FileError, match="another part than it was asked for"):
        load(web)


@pytest.mark.parametrize("place", ["bytes 0-{end}/{size}", "bytes */{size}", "", "bytes 1-x/2"])
def test_another_part_than_was_asked_for_is_refused(place, web, song):
    web.answers[NAME] = half(song, ETag='"one"')
    with pytest.raises(FileError):
        load(web)
    place = place.format(end=len(song) - 1, size=len(song))
    web.answers[NAME] = lambda handler: handler.send(
        206, song, ETag='"one"', **{"Content-Range": place}
    )
    with pytest.raises(FileError, match="another part than it was asked for"):
        load(web)


def test_a_server_that_takes_no_ranges_sends_all(web, song, cache):
    web.answers[NAME] = half(song, ETag='"one"')
    with pytest.raises(FileError):
        load(web)
    web.answers[NAME] = lambda handler: handler.send(200, song, ETag='"one"')
    assert load(web) == song
    assert kept(cache) == [".safetensors"]


def test_a_part_that_was_whole_already_is_fetched_anew(web, song, cache):
    """As if the process had been killed between the last byte and the renaming."""
    web.answers[NAME] = lambda handler: handler.serve(song, '"one"')
    load(web)
    (whole,) = cache.rglob("*.safetensors")
    whole.rename(whole.with_suffix(".part"))
    assert load(web) == song
    assert [named.get("Range") for _, named in web.asked] == [None, f"bytes={len(song)}-", None]


@pytest.mark.parametrize("named", [{}, {"ETag": 'W/"one"'}])
def test_without_a_strong_name_of_the_version_it_begins_anew(named, web, song):
    web.answers[NAME] = half(song, **named)
    with pytest.raises(FileError) as told:
        load(web)
    assert told.value.hint is None
    web.answers[NAME] = song
    assert load(web) == song
    assert "Range" not in headers(web)


def test_a_part_whose_version_is_not_known_is_not_continued(web, song, cache):
    web.answers[NAME] = half(song, ETag='"one"')
    with pytest.raises(FileError):
        load(web)
    (version,) = cache.rglob("*.version")
    version.write_text('"two"')
    web.answers[NAME] = song
    assert load(web) == song
    assert "Range" not in headers(web)


def test_who_is_overtaken_by_another_process_ends_with_the_whole_too(cache):
    one, other = Entry("the same"), Entry("the same")
    with one.receiving('"v"', 0) as (path, first), other.receiving('"v"', 0) as (same, second):
        assert path == same
        first.write(b"whole")
        second.write(b"who")
        whole = one.finish(path, first, '"v"')
        assert whole.read_bytes() == b"whole"
        second.write(b"le")
        assert other.finish(same, second, '"v"').read_bytes() == b"whole"
    assert kept(cache) == [".safetensors"]


def test_what_another_process_has_begun_meanwhile_is_not_taken_for_whole(cache, monkeypatch):
    entry, look, looks = Entry("the same"), cache_module._is_at, []

    def overtaken(file, path):
        found = look(file, path)
        looks.append(found)
        if len(looks) == 1:  # just then another one begins
            path.unlink()
            path.write_bytes(b"wh")
        return found

    monkeypatch.setattr(cache_module, "_is_at", overtaken)
    with entry.receiving('"v"', 0) as (path, file):
        file.write(b"whole")
        assert entry.finish(path, file, '"v"').read_bytes() == b"whole"
    assert looks == [True, False]


def test_two_downloads_of_the_same_at_once(web, song, cache):
    ready = threading.Barrier(2, timeout=10)

    def slowly(handler):
        ready.wait()
        handler.serve(song, '"one"')

    web.answers[NAME] = slowly
    found = []
    threads = [threading.Thread(target=lambda: found.append(load(web))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [song, song]
    assert kept(cache) == [".safetensors"]


# Redirects.


def leading_to(place):
    return lambda handler: handler.send(302, b"", Location=place)


def test_redirects_on_the_web_are_followed_with_their_ranges(web, song):
    web.answers["/old"] = leading_to(NAME)
    web.answers[NAME] = half(song, ETag='"one"')
    with pytest.raises(FileError):
        load(web, "/old")
    web.answers[NAME] = lambda handler: handler.serve(song, '"one"')
    assert load(web, "/old") == song
    assert headers(web)["If-Range"] == '"one"'


@pytest.mark.parametrize("scheme", ["file", "ftp", "data", "gopher", "jar"])
def test_a_redirect_off_the_web_is_refused(scheme, web, song, tmp_path):
    (tmp_path / "song.safetensors").write_bytes(song)
    web.answers[NAME] = leading_to(f"{scheme}://{tmp_path}/song.safetensors")
    with pytest.raises(FileError, match="redirect"):
        load(web)


def test_redirects_that_go_round_end(web):
    web.answers[NAME] = leading_to(NAME)
    with pytest.raises(FileError, match="a redirect that is not followed"):
        load(web)
    assert len(web.asked) < 30


@pytest.fixture
def secure(tmp_path, monkeypatch):
    """A web server with TLS, whose certificate is trusted for the test."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(address, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    place = tmp_path / "server.pem"
    form = serialization.Encoding.PEM
    secret = key.private_bytes(
        form, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    place.write_bytes(certificate.public_bytes(form) + secret)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(place)
    monkeypatch.setenv("SSL_CERT_FILE", str(place))
    with serving(wrap=lambda socket: context.wrap_socket(socket, server_side=True)) as server:
        yield server


def test_https_leads_to_https_and_not_to_http(secure, web, song):
    secure.answers[NAME] = web.answers[NAME] = song
    assert load(secure) == song
    secure.answers["/down"] = leading_to(web.url + NAME)
    with pytest.raises(FileError, match=r"refused a redirect from https: to http:$"):
        load(secure, "/down")
    assert web.asked == []
    web.answers["/up"] = leading_to(secure.url + NAME)
    assert load(web, "/up") == song


def test_a_certificate_that_nobody_vouches_for_is_refused(secure, song, monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE")
    secure.answers[NAME] = song
    with pytest.raises(FileError, match="certificate verify failed"):
        load(secure)
    assert secure.asked == []


# Servers that fail.


def test_a_silent_server_is_given_up(web, monkeypatch):
    monkeypatch.setattr(arriving, "TIMEOUT", 0.2)
    done = threading.Event()
    web.answers[NAME] = lambda handler: done.wait(10)
    with pytest.raises(FileError, match="no answer in time"):
        load(web)
    done.set()


def test_a_server_that_falls_silent_is_given_up_and_its_part_kept(web, song, cache, monkeypatch):
    monkeypatch.setattr(arriving, "TIMEOUT", 0.2)
    done = threading.Event()

    def stall(handler):
        half(song, ETag='"one"')(handler)
        done.wait(10)

    web.answers[NAME] = stall
    with pytest.raises(FileError, match="no answer in time"):
        load(web)
    done.set()
    assert kept(cache) == [".part"]


def test_ctrl_c_keeps_the_part(web, song, cache):
    def stop(*_):
        raise KeyboardInterrupt

    web.answers[NAME] = lambda handler: handler.serve(song, '"one"')
    with pytest.raises(KeyboardInterrupt):
        load(web, on_bytes=stop)
    assert kept(cache) == [".part"]
    assert load(web) == song


@pytest.mark.parametrize(
    ("status", "words"), [(404, "404, not found"), (403, "403, forbidden"), (500, "500, internal")]
)
def test_what_a_server_answers_is_told(status, words, web):
    web.answers[NAME] = lambda handler: handler.send(status, b"<html>" * 10)
    with pytest.raises(FileError, match=words):
        load(web)


def test_nothing_that_listens(web):
    web.server_close()
    with pytest.raises(FileError, match=r"^cannot fetch http://127.0.0.1:\d+/a/song.safetensors: "):
        load(web)


@pytest.mark.parametrize(
    "answer", [b"nonsense\r\n\r\n", b"", b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 500]
)
def test_what_is_not_http_is_told(answer, web):
    def blurt(handler):
        handler.wfile.write(answer)
        handler.close_connection = True

    web.answers[NAME] = blurt
    with pytest.raises(FileError, match=r"^cannot fetch "):
        load(web)


def test_a_password_in_a_url_is_neither_shown_nor_written(web, song, cache):
    web.answers[NAME] = song
    assert load(web, f"{NAME}?signature=hush") == song
    told = [path.read_bytes() for path in cache.rglob("*") if path.is_file()]
    assert all(b"hush" not in data for data in told)
    assert all("hush" not in str(path) for path in cache.rglob("*"))
    web.answers[NAME] = b"nonsense"
    for options in ({}, {"largest": 10}, {"offline": True, "largest": 10}):
        with pytest.raises(ss.SirensongError) as failed:
            load(web, f"{NAME}?signature=hush", **options)
        assert "hush" not in failed.value.message
        assert f"{NAME}?..." in failed.value.message
