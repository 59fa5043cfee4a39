"""From pictures to a song: what the page gets is what receivers see; and every way that it ends."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import zlib
from base64 import b64decode
from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from serving import LONG, Client, png

import sirensong as ss
from sirensong.errors import SettingError
from sirensong.network.tiles import Grid
from sirensong.serve import jobs
from sirensong.serve import live as live_module
from sirensong.serve.answers import RefusedError, on_error
from sirensong.serve.live import Live
from sirensong.serve.orders import Workbench, job_asked
from sirensong.serve.uploads import Shelf, Upload
from sirensong.serve.workshop import Workshop
from sirensong.training.capacity import largest_layout
from sirensong.training.plan import carrier_bytes
from sirensong.training.quality import QUALITIES, expected_psnr

NEW = {"kind": "new"}
LETTER = bytes(range(40))


def ending(events):
    *_, last = events
    return last


def key_of(made):
    return ss.SecretKey.from_text(made["text"].splitlines()[-1])


def test_a_song_shows_what_the_page_said(client):
    """Four secrets under every kind of key, revealed by the library and measured by it."""
    identity = ss.Identity.generate()
    cover = png(0)
    client.put(0, cover, "cover.png")
    secrets = {1: (png(1), "one.png"), 2: (png(2, 20, 30), "two.png"), 3: (LETTER, "letter.bin")}
    for place, (data, name) in secrets.items():
        assert client.put(place, data, name)[0] == 200
    keys = [NEW, {"kind": "passphrase", "text": "grey lamp over nine hills"}]
    keys.append({"kind": "key", "text": identity.recipient.to_text()})
    status, started = client.ask("POST", "/jobs", client.order(*keys))
    assert (status, started["notes"]) == (201, [])
    (made,) = started["keys"]
    key = key_of(made)
    assert (made["place"], made["fingerprint"]) == (1, key.fingerprint)

    events = list(client.events(started["job"]))
    done = events[-1]
    assert done["event"] == "done"
    data = client.send("GET", f"/jobs/{started['job']}/song.safetensors").body
    assert len(data) == done["bytes"]
    song = ss.loads(data)
    assert song.fingerprint == done["fingerprint"]
    opened = [None, key, ss.Passphrase(keys[1]["text"])]
    originals = [cover, secrets[1][0], secrets[2][0]]
    for row, own, original in zip(done["results"], opened, originals, strict=False):
        picture = ss.sample(song) if own is None else ss.reveal(song, own)
        wanted = np.asarray(Image.open(BytesIO(original)))
        quality = ss.measure(wanted, ss.to_pil(picture)).as_json()
        assert {name: row[name] for name in quality} == quality
    assert ss.reveal_file(song, identity).content == LETTER
    assert (done["results"][3]["file"], done["results"][3]["bytes"]) == ("letter.bin", 40)
    page = client.send("GET", f"/jobs/{started['job']}/song.html").body.decode()
    assert page == ss.page(song)

    pictures = [event for event in events if event["event"] == "picture"]
    final = np.asarray(Image.open(BytesIO(b64decode(pictures[-1]["png"]))))
    assert np.array_equal(final, ss.render_uint8(song, (24, 24)))
    progress = [event for event in events if event["event"] == "progress"]
    assert progress[-1]["step"] == progress[-1]["steps"] == 120
    assert len(progress[-1]["psnr"]) == 4


def test_the_same_song_is_told_to_who_comes_later_until_another_begins(client):
    client.put(0, png(0))
    client.put(1, png(1))
    job = client.ask("POST", "/jobs", client.order(NEW))[1]["job"]
    done = ending(client.events(job))
    assert ending(client.events(job)) == done
    assert client.ask("POST", "/session")[0] == 200
    assert client.ask("GET", f"/jobs/{job}/events") == (
        404,
        {"error": "there is no such job", "hint": None},
    )


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_an_unknown_job_is_not_found(client, method):
    path = "/jobs/0123456789abcdef" + ("/events" if method == "GET" else "")
    assert client.ask(method, path)[0] == 404
    assert client.ask("GET", "/jobs/0123456789abcdef/song.safetensors")[0] == 404


def test_estimates_are_those_of_a_dry_run(client):
    client.put(0, png(0, 64, 48))
    client.put(1, png(1))
    client.put(4, b"x" * 30, "a.txt")
    for quality in ("small", "archive"):
        asked = {"quality": quality, "secrets": [1, 4]}
        status, found = client.ask("POST", "/estimates", asked)
        recipe = client.workbench.recipe.at(quality)
        assert status == 200
        assert found["bytes"] == carrier_bytes(recipe, 48, 64)
        assert found["psnr"] == pytest.approx(expected_psnr(QUALITIES[quality]))
        assert found["capacity"] == largest_layout(recipe, (48, 64), 2).room
        assert 0 < found["seconds"] < 600


def test_a_file_that_does_not_fit_is_told_with_what_would_do(client):
    client.put(0, png(0, 64, 64))
    client.put(1, os.urandom(600), "letter.bin")
    asked = {"quality": "small", "secrets": [1]}
    status, answer = client.ask("POST", "/estimates", asked)
    assert status == 400
    assert "letter.bin takes 6" in answer["error"]
    assert answer["hint"].startswith("quality ")
    job = client.ask("POST", "/jobs", client.order(NEW, quality="small"))[1]["job"]
    failed = ending(client.events(job))
    assert (failed["event"], failed["error"]) == ("failed", answer["error"])
    assert client.ask("GET", f"/jobs/{job}/song.safetensors")[0] == 404


HEAD = b"IHDR" + (60000).to_bytes(4) * 2 + b"\x08\x02\0\0\0"
BOMB = png(0)[:12] + HEAD + zlib.crc32(HEAD).to_bytes(4) + png(0)[33:]
"""A picture that says it is of 60,000 x 60,000 pixels."""


@pytest.mark.parametrize(
    ("place", "data", "name", "message"),
    [
        (0, b"no picture", "a.txt", "is not an image"),
        (0, b"", "a.png", "is empty"),
        (0, png(0)[:-40], "a.png", "is damaged"),
        (0, BOMB, "a.png", "claims too many pixels"),
        (1, b"no picture", "a.png", "is not an image"),
        (1, png(0)[:200], "a.jpg", "is damaged"),
    ],
)
def test_what_is_no_picture_is_refused_at_once(client, place, data, name, message):
    status, answer = client.put(place, data, name)
    assert status == 400
    assert message in answer["error"]
    assert "\n" not in answer["error"]
    assert client.ask("POST", "/jobs", client.order(NEW))[0] == 400  # it was not kept


def test_what_an_upload_is_follows_its_content_its_name_and_the_wish(client):
    assert client.put(1, png(1, 30, 20))[1] == {
        "kind": "picture",
        "width": 30,
        "height": 20,
        "notes": [],
    }
    assert client.put(1, png(1), "a.png", "&exactly=")[1]["kind"] == "file"
    assert client.put(1, b"", "empty.txt")[1]["bytes"] == 0
    assert client.put(1, b"x", "..%2F..%2Fetc%2Fpasswd")[1]["notes"] == [
        "passwd is no picture: it is hidden as a file, and comes back byte for byte"
    ]


@pytest.mark.parametrize("place", ["65", "-1", "x", "1.0", "0001", "%C2%B2", "9999999999"])
def test_there_are_sixty_five_places(client, place):
    assert client.put(place, png(0))[0] == 404


KEY = "sirensong-key-" + "a" * 56


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("", "no object of JSON"),
        ("[1]", "no object of JSON"),
        ("[" * 100_000, "no object of JSON"),
        ("\xff", "no object of JSON"),
        ({}, "secrets must be a list, got NoneType"),
        ({"quality": "small", "secrets": []}, "there is no secret"),
        ({"quality": "small", "secrets": [1]}, "an object with a place and a key"),
        ({"quality": "best", "secrets": [{"place": 1, "key": NEW}]}, "quality must be small,"),
        ({"quality": 3, "secrets": [{"place": 1, "key": NEW}]}, "quality must be a text, got int"),
        ({"quality": "small", "secrets": [{"place": True, "key": NEW}]}, "place of a secret"),
        ({"quality": "small", "secrets": [{"place": 65, "key": NEW}]}, "place of a secret"),
        ({"quality": "small", "secrets": [{"place": 7, "key": NEW}]}, "no picture in place 7"),
        ({"quality": "small", "secrets": [{"place": 1, "key": NEW}] * 2}, "a place of its own"),
        ({"quality": "small", "secrets": [{"place": 1, "key": NEW}], "seed": 1}, "nothing else"),
        ({"quality": "small", "secrets": [{"place": 1, "key": "new"}]}, "key must be an object"),
        ({"quality": "small", "secrets": [{"place": 1, "key": {"kind": "x"}}]}, "text must be"),
        (
            {"quality": "small", "secrets": [{"place": 1, "key": {"kind": "x", "text": KEY}}]},
            "a key is new, a passphrase",
        ),
        (
            {"quality": "small", "secrets": [{"place": 1, "key": {"kind": "key", "text": KEY}}]},
            "the key has a typo",
        ),
        (
            {"quality": "small", "secrets": [{"place": 1, "key": {"kind": "key", "text": "bob"}}]},
            "begins like no key",
        ),
        (
            {"quality": "small", "secrets": [{"place": 1, "key": {"kind": "key", "text": " "}}]},
            "is empty",
        ),
        (
            {
                "quality": "small",
                "secrets": [{"place": 1, "key": {"kind": "passphrase", "text": ""}}],
            },
            "passphrase is empty",
        ),
    ],
)
def test_a_wrong_order_is_one_line_that_quotes_no_key(client, body, message):
    client.put(0, png(0))
    client.put(1, png(1))
    content = body.encode("latin-1") if isinstance(body, str) else body
    status, answer = client.ask("POST", "/jobs", content)
    assert status == 400
    assert message in answer["error"]
    assert "\n" not in answer["error"]
    assert KEY not in json.dumps(answer)
    assert "bob" not in json.dumps(answer)


def test_no_cover_no_job(client):
    client.put(1, png(1))
    status, answer = client.ask("POST", "/jobs", client.order(NEW))
    assert (status, answer["error"]) == (400, "there is no picture for a cover")


def test_a_weak_passphrase_is_told_of():
    workbench = Workbench(Shelf(), ss.FAST)
    for place in (0, 1):
        workbench.shelf.put(place, Upload("a.png", png(place)))
    for text, notes in (("password1", 1), ("grey lamp over nine hills", 0)):
        key = {"kind": "passphrase", "text": text}
        asked = {"quality": "small", "secrets": [{"place": 1, "key": key}]}
        found = job_asked(workbench, asked)
        assert (len(found.notes), found.made) == (notes, {})
        assert found.order.secrets[0][1] == ss.Passphrase(text)
        assert text not in repr(found)


def test_two_secrets_under_one_key_fail(client):
    for place in range(3):
        client.put(place, png(place))
    same = {"kind": "key", "text": ss.SecretKey.generate().to_text()}
    job = client.ask("POST", "/jobs", client.order(same, same))[1]["job"]
    failed = ending(client.events(job))
    assert failed["error"] == "the same key is given twice"


class Endless:
    """In place of the process: a job without an end."""

    def __init__(self):
        self.restarts = 0

    async def events(self, work, order):
        while not self.restarts:
            await asyncio.sleep(0.01)
            yield {"event": "progress"}

    def restart(self):
        self.restarts += 1


@pytest.fixture
def bench(monkeypatch):
    """A bench that waits for watchers for a fifth of a second."""
    monkeypatch.setattr(jobs, "Workshop", Endless)
    return jobs.Bench(grace=0.2)


def test_a_job_that_nobody_watches_is_given_up_after_a_while(bench):
    async def scene():
        job = bench.start(None)
        async with contextlib.aclosing(job.watch()) as watching:
            begun = time.monotonic()
            while time.monotonic() - begun < 0.6:  # longer than the grace period
                await anext(watching)
            assert not job.over
        await asyncio.sleep(0.1)  # less
        assert not job.over
        async with contextlib.aclosing(job.watch()) as watching:  # the page comes back
            await anext(watching)
            await asyncio.sleep(0.4)
            assert not job.over
        await asyncio.sleep(0.4)
        assert job.over
        assert bench._workshop.restarts == 1
        return [json.loads(event[6:])["event"] async for event in job.watch()]

    assert asyncio.run(scene()) == ["progress", "cancelled"]


def test_a_job_that_nobody_ever_watches_is_given_up_too(bench):
    async def scene():
        job = bench.start(None)
        await asyncio.sleep(0.5)
        return job.over

    assert asyncio.run(scene())


def test_a_page_that_has_gone_is_missed_though_nothing_happens(monkeypatch):
    """What it would be sent tells: something is sent every few seconds, whatever happens."""
    monkeypatch.setattr(jobs, "_HEARTBEAT", 0.05)

    async def scene():
        job = jobs.Job()
        async with contextlib.aclosing(job.watch()) as watching:
            sent = [await anext(watching) for _ in range(3)]
        return sent, job.unwatched

    sent, unwatched = asyncio.run(scene())
    assert sent == [b": still here\n\n"] * 3
    assert 0 <= unwatched < 1


def gone(group):
    """Whether all processes of a group end within some seconds."""
    for _ in range(50):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


def test_the_command_ends_at_once_and_leaves_nothing(tmp_path):
    """Ctrl-C in the middle of a training: no traceback, no process, no file."""
    script = "from sirensong.training import recipe as r; import serving\n"
    script += "r.RECIPES['fast'] = serving.LONG\n"
    script += "from sirensong.cli import main; main(['serve', '--no-browser'])"
    paths = os.pathsep.join(path for path in sys.path if path)
    folder = tmp_path / "temporary"
    folder.mkdir()
    server = subprocess.Popen(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": paths, "TMPDIR": str(folder)},
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        address = server.stdout.readline().strip()
        client = Client(int(address.split(":")[2].split("/")[0]), address.partition("#")[2])
        client.put(0, png(0, 48, 48))
        client.put(1, png(1, 48, 48))
        job = client.ask("POST", "/jobs", client.order(NEW))[1]["job"]
        events = client.events(job)
        assert any(event.get("stage") == "joint" for event in events)
        assert not [path for path in folder.rglob("*") if path.is_file()]
        begun = time.monotonic()
        os.killpg(server.pid, signal.SIGINT)
        assert ending(events) == {"event": "cancelled"}
        printed, told = server.communicate(timeout=20)
        assert time.monotonic() - begun < 5
    finally:
        server.kill()
    assert server.returncode == 0
    assert printed == ""
    assert "Traceback" not in told
    assert all(line.startswith("note: ") for line in told.splitlines())
    assert gone(server.pid)
    assert not list(folder.iterdir())
    assert list(tmp_path.iterdir()) == [folder]


def test_a_port_that_is_taken_is_one_line(client, capsys):
    from sirensong import cli

    assert cli.run(["serve", "--no-browser", "--port", str(client.port)]) == 1
    assert "error: cannot listen on port" in capsys.readouterr().err
    assert cli.run(["serve", "--no-browser", "--port", "70000"]) == 1


def test_the_browser_gets_the_address_with_its_own_token(monkeypatch, capsys):
    from sirensong import cli
    from sirensong.cli import serving as command
    from sirensong.serve.server import Server

    opened, served = [], []
    monkeypatch.setattr(command.webbrowser, "open", opened.append)
    monkeypatch.setattr(Server, "serve_until_stopped", lambda server: served.append(server))
    assert cli.run(["serve"]) == 0
    (server,) = served
    server._bench.close()
    server._socket.close()
    while not opened:
        time.sleep(0.01)
    assert capsys.readouterr().out == server.address(server.tokens.run) + "\n"
    assert opened == [server.address(server.tokens.once)]
    assert server.tokens.run != server.tokens.once


@pytest.mark.slow
def test_a_worker_whose_server_has_gone_ends():
    workshop = Workshop()
    workshop._connection.close()
    workshop._process.join(30)
    assert workshop._process.exitcode == 0


@pytest.mark.slow
def test_a_worker_that_dies_is_one_event_and_replaced(client):
    client.put(0, png(0))
    client.put(1, png(1))
    asked = {"quality": "archive", "secrets": [1]}
    assert client.ask("POST", "/estimates", asked)[0] == 200
    client.server._bench._workshop._process.kill()
    status, answer = client.ask("POST", "/estimates", asked)
    assert (status, answer["event"]) == (400, "failed")
    assert client.ask("POST", "/estimates", asked)[0] == 200


def test_pictures_take_two_percent_of_the_time(monkeypatch, stego):
    now = [100.0]
    monkeypatch.setattr(live_module.time, "monotonic", lambda: now[0])
    told = []
    live = Live((6, 9), Grid(), stego.architecture, 2, told.append)

    def weights():
        now[0] += 0.05  # a picture takes 50 ms
        return stego.weights

    shown = []
    while now[0] < 200.0:
        before = len(told)
        live.on_step(0, range(1), weights)
        if len(told) > before:
            shown.append(now[0])
        now[0] += 0.01
    assert 0.018 < 0.05 * len(shown) / 100 <= 0.021
    assert np.array_equal(
        np.asarray(Image.open(BytesIO(told[-1]["png"]))), ss.render_uint8(stego, (6, 9))
    )


def test_the_time_left_is_that_of_all_tiles(monkeypatch, stego):
    now = [0.0]
    monkeypatch.setattr(live_module.time, "monotonic", lambda: now[0])
    told = []
    live = Live((6, 9), Grid(2, 5), stego.architecture, 2, told.append)
    for at, stage, done, left in [
        (0.0, "cover", 0, 3.0),
        (10.0, "joint", 0, 30.0),
        (40.0, "cover", 4, 3.0),
        (50.0, "joint", 4, 10.0),
        (70.0, "joint", 8, 20.0),
    ]:
        now[0] = at
        live.on_progress(ss.Progress(stage, 1, 9, (1.234, 2.0, 3.0), left, done, 4, 10))
    assert [event["seconds_left"] for event in told] == [None, 90.0, None, 20.0, 20.0]
    assert told[0]["psnr"] == [1.23, 2.0]


def test_defects_are_named_by_their_type_alone():
    async def answered(error):
        response = await on_error(None, error)
        return response.status_code, json.loads(response.body)

    text = "sirensong-key-abc"
    assert asyncio.run(answered(ValueError(text)))[0] == 500
    assert text not in json.dumps(asyncio.run(answered(ValueError(text)))[1])
    assert asyncio.run(answered(RefusedError(413, "a", hint="--quality b"))) == (
        413,
        {"error": "a", "hint": "quality b"},
    )
    assert asyncio.run(answered(SettingError("c"))) == (400, {"error": "c", "hint": None})


def test_a_page_that_ends_leaves_nothing(client):
    client.put(0, png(0))
    client.put(1, png(1))
    job = client.ask("POST", "/jobs", client.order(NEW))[1]["job"]
    ending(client.events(job))
    number = client.ask("POST", "/session")[1]["number"]
    client.put(0, png(0))
    assert client.ask("DELETE", f"/session/{number - 1}")[0] == 200  # a page of long ago
    assert client.ask("POST", "/jobs", client.order(NEW))[1]["error"].endswith("in place 1")
    assert client.ask("DELETE", f"/session/{number}")[0] == 200
    assert client.ask("POST", "/jobs", client.order(NEW))[1]["error"].endswith("in place 1")
    client.put(1, png(1))
    assert client.ask("POST", "/jobs", client.order(NEW))[1]["error"].endswith("for a cover")


def test_one_job_at_a_time_which_ends_at_once_when_it_is_cancelled(client, monkeypatch):
    monkeypatch.setitem(vars(client.workbench), "recipe", LONG)
    client.put(0, png(0, 48, 48))
    client.put(1, png(1, 48, 48))
    job = client.ask("POST", "/jobs", client.order(NEW))[1]["job"]
    events = client.events(job)
    assert any(event.get("stage") == "joint" for event in events)
    for path, body in (("jobs", client.order(NEW)), ("session", None)):
        status, answer = client.ask("POST", f"/{path}", body)
        assert (status, answer["error"]) == (409, "a job is under way")
    assert client.ask("POST", "/estimates", {"quality": "small", "secrets": [1]})[0] == 409
    assert client.send("GET", "/").status == 200  # the server answers while it trains
    begun = time.monotonic()
    assert client.ask("DELETE", f"/jobs/{job}")[0] == 200
    assert ending(events) == {"event": "cancelled"}
    assert time.monotonic() - begun < 5
    assert client.ask("DELETE", f"/jobs/{job}")[0] == 200
    again = client.ask("POST", "/jobs", client.order(NEW))[1]["job"]
    assert client.ask("GET", f"/jobs/{job}/song.safetensors")[0] == 404
    events = client.events(again)
    assert any(event["event"] == "picture" for event in events)
    assert client.ask("DELETE", f"/session/{client.session['number']}")[0] == 200  # it is closed
    assert ending(events) == {"event": "cancelled"}
    assert client.ask("GET", f"/jobs/{again}/events")[0] == 404
