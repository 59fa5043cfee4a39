"""Pages: what is in them, and that nothing else is; the command that writes them."""

import base64
import hashlib
import html
import re
import subprocess
import sys

import pytest

import sirensong as ss
from golden import make
from sirensong import cli
from sirensong.network.substitution import Selection
from sirensong.web import page as page_module
from sirensong.web.page import frame_of, page_of
from web.receiver import saved, song

POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">')
DATA = re.compile(r'<script id="song" type="application/octet-stream">([^<]*)</script>\n')


@pytest.fixture(scope="module")
def stego():
    return song((8, 3), (1, 2), (20, 30), 1)


def digest_of(text):
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"


def test_a_page_is_the_viewer_and_the_song(stego):
    page, data = ss.page(stego), ss.dumps(stego)
    (found,) = DATA.findall(page)
    assert base64.b64decode(found, validate=True) == data
    assert DATA.sub("", page) == ss.viewer().replace("; connect-src 'self' https:", "")


def test_pages_of_two_songs_differ_in_the_song_alone(stego):
    key = ss.SecretKey.generate()
    other = make.with_slots(stego, (key, Selection.KEYED, 0.1, 20, 30))
    pages = [DATA.sub("", ss.page(one)) for one in (stego, other)]
    assert pages[0] == pages[1]


def test_only_the_pages_own_script_and_style_may_run(stego):
    for page in (ss.viewer(), ss.page(stego)):
        (policy,) = POLICY.findall(page)
        rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
        (script,) = re.findall(r"<script>(.*?)</script>", page, re.S)
        (style,) = re.findall(r"<style>(.*?)</style>", page, re.S)
        assert rules["default-src"] == "'none'"
        assert rules["script-src"] == f"{digest_of(script)} 'wasm-unsafe-eval'"
        assert rules["style-src"] == digest_of(style)
        assert rules.get("connect-src") == ("'self' https:" if page == ss.viewer() else None)
        assert not re.search(r"(?:src|href)=[\"']?(?!data:)\w", page.replace(script, ""))


def test_a_page_has_the_license_of_what_is_in_it():
    assert "argon2id, https://github.com/openpgpjs/argon2id, MIT" in ss.viewer()


def test_a_frame_holds_the_page_and_keeps_it_from_the_notebook(stego):
    shown = stego._repr_html_()
    (inner,) = re.findall(r'srcdoc="([^"]*)"', shown)
    assert html.unescape(inner) == ss.page(stego)
    (sandbox,) = re.findall(r'sandbox="([^"]*)"', shown)
    assert "allow-same-origin" not in sandbox
    assert ss.Hidden(stego)._repr_html_() == shown


def test_what_no_carrier_holds_is_shown_as_a_picture(stego):
    weights = [ss.network.siren.Layer(w * 1.001, b) for w, b in stego.weights]
    changed = ss.StegoFunction(
        *(stego.architecture, stego.grid, tuple(weights), stego.steps, 20, 30, stego.nonce),
        stego.slots,
    )
    assert changed._repr_html_() is None
    assert changed._repr_png_().startswith(b"\x89PNG")


def test_what_is_too_large(monkeypatch, stego):
    monkeypatch.setattr(page_module, "LARGEST_SONG", 1000)
    with pytest.raises(ss.SettingError, match="at most, got"):
        page_of(bytes(1001))
    assert frame_of(bytes(8 * 2**20 + 1)) is None


def test_the_command(tmp_path, monkeypatch, capsys, stego):
    monkeypatch.chdir(tmp_path)
    saved("song.safetensors", stego)
    assert cli.run(["page", "song.safetensors", "-o", "song.html"]) == 0
    assert (tmp_path / "song.html").read_text("utf-8") == ss.page(stego)
    assert cli.run(["page", "--viewer", "-o", "viewer.html"]) == 0
    assert (tmp_path / "viewer.html").read_text("utf-8") == ss.viewer()
    assert f"song.html: {len(ss.page(stego).encode())} bytes" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-o", "x.html"], "expected a carrier, or --viewer"),
        (["song.safetensors", "--viewer", "-o", "x.html"], "expected a carrier, or --viewer"),
        (["song.safetensors", "-o", "x.png"], "a page ends in .html, got x.png"),
        (["song.safetensors", "-o", "there.html"], "there.html exists"),
        (["there.html", "-o", "x.html"], "there.html is not a carrier"),
        (["missing.safetensors", "-o", "x.html"], "cannot read missing.safetensors"),
    ],
)
def test_mistakes_are_one_line_and_write_nothing(
    tmp_path, monkeypatch, capsys, stego, arguments, message
):
    monkeypatch.chdir(tmp_path)
    saved("song.safetensors", stego)
    (tmp_path / "there.html").write_text("<!doctype html>\n" * 9)
    before = sorted(tmp_path.iterdir())
    assert cli.run(["page", *arguments]) == 1
    said = capsys.readouterr().err.splitlines()
    assert message in said[0]
    assert len(said) <= 2
    assert sorted(tmp_path.iterdir()) == before


def test_the_command_imports_nothing_of_senders(tmp_path, stego):
    path = saved(tmp_path / "song.safetensors", stego)
    code = (
        "import sys; sys.modules.update(torch=None, skimage=None)\n"
        "from sirensong.cli import run\n"
        "raise SystemExit(run(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "page", str(path), "-o", "-"],
        capture_output=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.decode() == ss.page(stego)
