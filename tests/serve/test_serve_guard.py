"""Who is answered: pages from elsewhere, other names, other users, and bodies without an end."""

import base64
import contextlib
import hashlib
import json
import re
import socket
import time
from importlib import resources

import pytest
from serving import LARGEST, TOKEN, TOTAL, png

from sirensong.serve.guard import policy_for

ORDER = {"quality": "small", "secrets": []}
PATHS = [
    ("POST", "/session"),
    ("PUT", "/pictures/0"),
    ("DELETE", "/pictures/0"),
    ("POST", "/estimates"),
    ("POST", "/jobs"),
    ("DELETE", "/jobs/0"),
    ("GET", "/jobs/0/events"),
    ("GET", "/jobs/0/song.safetensors"),
    ("GET", "/jobs/0/song.html"),
    ("GET", "/nothing"),
    ("OPTIONS", "/jobs"),
]


def raw(port, text, limit=60):
    """Send bytes as they are, and read what comes until the connection ends."""
    with socket.create_connection(("127.0.0.1", port), timeout=limit) as connection:
        connection.sendall(text)
        return drain(connection)


def drain(connection):
    parts = []
    while part := connection.recv(65536):
        parts.append(part)
    return b"".join(parts)


def test_the_page_needs_no_token_and_has_none(client):
    response = client.send("GET", "/", headers={})
    page = response.body.decode()
    assert response.status == 200
    assert page == resources.files("sirensong.web").joinpath("sender.html").read_text("utf-8")
    assert client.server.tokens.run not in page
    assert client.server.tokens.once not in page


@pytest.mark.parametrize(("method", "path"), [("GET", "/"), ("GET", "/nothing"), *PATHS[:1]])
def test_every_answer_forbids_what_the_page_does_not_need(client, method, path):
    headers = client.send(method, path).headers
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["x-content-type-options"] == "nosniff"
    assert not [name for name in headers if name.lower().startswith("access-control")]
    assert not {"server", "date"} & {name.lower() for name in headers}
    rules = dict(rule.split(" ", 1) for rule in headers["content-security-policy"].split("; "))
    assert rules["default-src"] == rules["frame-ancestors"] == rules["form-action"] == "'none'"
    assert rules["connect-src"] == "'self'"
    assert "unsafe" not in headers["content-security-policy"]


def test_the_policy_has_the_hash_of_the_pages_script(client):
    page = client.send("GET", "/").body.decode()
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    policy = policy_for(page)
    for kind, text in (("script", script), ("style", style)):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}';" in policy
    assert "script-src 'none'; style-src 'none'" in policy_for("<p>nothing runs</p>")


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_nothing_but_the_page_is_answered_without_the_token(client, method, path):
    for token in (None, "", "x", client.server.tokens.run[:-1], client.server.tokens.run + "x"):
        status, answer = client.ask(method, path, headers={} if token is None else {TOKEN: token})
        assert (status, answer["error"]) == (403, "the token is missing or wrong")
    if path != "/session":
        assert client.ask(method, path, headers={TOKEN: client.server.tokens.once})[0] == 403


def test_a_token_that_is_not_ascii_is_wrong_and_no_defect(client):
    head = f"GET /nothing HTTP/1.1\r\nHost: 127.0.0.1:{client.port}\r\n{TOKEN}: ".encode()
    for token in (b"\xff\xfe", "h\u00e9".encode(), b"\x80" * 43):
        assert raw(client.port, head + token + b"\r\n\r\n").startswith(b"HTTP/1.1 403 ")


def test_a_header_that_is_there_twice_is_refused(client):
    name, token = TOKEN.encode(), client.server.tokens.run.encode()
    head = f"GET /nothing HTTP/1.1\r\nHost: 127.0.0.1:{client.port}\r\n".encode()
    twice = (name + b": " + token + b"\r\n") * 2
    assert raw(client.port, head + twice + b"\r\n").startswith(b"HTTP/1.1 400 ")


def test_a_form_of_another_page_is_refused(client):
    """Hostile request 1: what a browser sends of a form, without the reader's doing."""
    elsewhere = [
        {"Origin": "http://evil.test", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
        {"Origin": f"http://127.0.0.1:{client.port + 1}", "Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "same-site"},
    ]
    for headers in elsewhere:
        form = headers | {"Content-Type": "text/plain", "Sec-Fetch-Mode": "navigate"}
        status, answer = client.ask("POST", "/jobs", json.dumps(ORDER), form)
        assert (status, answer["error"]) == (403, "a page from elsewhere is not answered")


def test_a_foreign_page_is_refused_even_with_the_token(client):
    """Hostile request 2, and its preflight, which is granted nothing."""
    own = {TOKEN: client.server.tokens.run}
    for foreign in (
        {"Origin": "http://evil.test"},
        {"Origin": f"https://127.0.0.1:{client.port}"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "nonsense"},
    ):
        assert client.ask("POST", "/session", headers=own | foreign)[0] == 403
    preflight = {"Origin": "http://evil.test", "Access-Control-Request-Headers": TOKEN}
    response = client.send("OPTIONS", "/jobs", headers=own | preflight)
    assert response.status == 403
    assert "access-control-allow-origin" not in response.headers


def test_the_page_itself_is_answered(client):
    own = {TOKEN: client.server.tokens.run, "Sec-Fetch-Site": "same-origin"}
    for host in ("127.0.0.1", "localhost"):
        name = f"{host}:{client.port}"
        headers = own | {"Host": name, "Origin": f"http://{name}"}
        assert client.ask("POST", "/session", headers=headers)[0] == 200
    typed = {"Sec-Fetch-Site": "none", "Sec-Fetch-Dest": "document"}
    assert client.send("GET", "/", headers=typed).status == 200


def test_a_link_shows_the_page_but_no_frame_does(client):
    followed = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "document"}
    assert client.send("GET", "/", headers=followed).status == 200
    assert client.send("GET", "/nothing", headers=client.headers | followed).status == 403
    framed = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "iframe"}
    assert client.send("GET", "/", headers=framed).status == 403


def test_a_name_that_was_bound_anew_is_refused(client):
    """Hostile request 3: another site's name that now means this machine."""
    for host in ("evil.test", f"evil.test:{client.port}", "127.0.0.1", f"127.0.0.1:{1}", "[::1]"):
        for path in ("/", "/session"):
            status, answer = client.ask("GET", path, headers=client.headers | {"Host": host})
            assert (status, answer["error"]) == (400, "this server goes by another name")


def test_a_body_that_says_it_is_too_large_is_refused_unread(client):
    """Hostile request 4. Nothing of the body is sent, so nothing of it was waited for."""
    for length in (str(LARGEST + 1), str(2**62), "9" * 19):
        head = (
            f"PUT /pictures/0 HTTP/1.1\r\nHost: 127.0.0.1:{client.port}\r\n"
            f"{TOKEN}: {client.server.tokens.run}\r\nContent-Length: {length}\r\n\r\n"
        )
        answered = raw(client.port, head.encode())
        assert answered.startswith(b"HTTP/1.1 413 ")
        assert b'"error":"the file has more than 200000 bytes"' in answered


@pytest.mark.parametrize("path", ["/pictures/1", "/jobs"])
def test_a_body_without_an_end_is_cut_off(client, path):
    """Hostile request 5: a chunked body that says nothing of its length, and goes on and on."""
    method = "PUT" if path.startswith("/pictures") else "POST"
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{client.port}\r\n"
        f"{TOKEN}: {client.server.tokens.run}\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    chunk = b"8000\r\n" + b"x" * 0x8000 + b"\r\n"
    sent, answered = 0, b""
    with socket.create_connection(("127.0.0.1", client.port), timeout=30) as connection:
        connection.sendall(head.encode())
        with contextlib.suppress(OSError):  # it was closed
            while sent < 1000 * len(chunk):
                connection.sendall(chunk)
                sent += len(chunk)
        with contextlib.suppress(OSError):  # what is sent after the end is answered by a reset
            answered = drain(connection)
    assert sent < 1000 * len(chunk)
    assert answered == b"" or answered.startswith(b"HTTP/1.1 413 ")


def test_a_short_chunked_body_over_the_cap_is_told_so(client):
    head = (
        f"PUT /pictures/1 HTTP/1.1\r\nHost: 127.0.0.1:{client.port}\r\n"
        f"{TOKEN}: {client.server.tokens.run}\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    chunk = f"{LARGEST + 1:x}\r\n".encode() + b"x" * (LARGEST + 1) + b"\r\n"
    assert raw(client.port, head.encode() + chunk).startswith(b"HTTP/1.1 413 ")


def test_all_uploads_together_have_a_cap_and_room_comes_back(client):
    part = b"x" * (LARGEST - 1)
    assert [client.put(place, part, "a.bin")[0] for place in (1, 2)] == [200, 200]
    status, answer = client.put(3, part, "a.bin")
    assert (status, answer["error"]) == (413, f"all pictures together have more than {TOTAL} bytes")
    assert client.ask("DELETE", "/pictures/1")[0] == 200
    assert client.put(3, part, "a.bin")[0] == 200


def test_an_upload_that_was_broken_off_takes_no_room(client):
    for _ in range(4):
        head = (
            f"PUT /pictures/1 HTTP/1.1\r\nHost: 127.0.0.1:{client.port}\r\n"
            f"{TOKEN}: {client.server.tokens.run}\r\nContent-Length: {LARGEST}\r\n\r\n"
        )
        with socket.create_connection(("127.0.0.1", client.port)) as connection:
            connection.sendall(head.encode() + b"x" * (LARGEST - 1))
    time.sleep(0.1)
    assert client.put(1, png(0))[0] == 200
    assert client.put(2, b"x" * (LARGEST - 1), "a.bin")[0] == 200


def test_the_browsers_token_is_good_once_and_then_ends_the_run(start):
    client, end = start()
    once = {TOKEN: client.server.tokens.once}
    status, session = client.ask("POST", "/session", headers=once)
    assert (status, session["token"]) == (200, client.server.tokens.run)
    status, answer = client.ask("POST", "/session", headers=once)
    assert (status, answer["error"]) == (403, "this address was used before")
    (error,) = end()
    assert "was used twice" in error.message
    assert client.server.tokens.run not in error.message


def test_only_this_machine_is_listened_to(client):
    assert client.server.address("x") == f"http://127.0.0.1:{client.port}/#x"
    name = socket.gethostbyname(socket.gethostname())
    if not name.startswith("127."):
        with pytest.raises(OSError, match="refused"), socket.create_connection((name, client.port)):
            pass
