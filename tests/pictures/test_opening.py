"""Image files from strangers: no program is started, and no more work is done than they deserve."""

import io
import json
import os
import struct
import subprocess
import sys
import threading
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import EpsImagePlugin, GifImagePlugin, Image, TiffImagePlugin

from sirensong.errors import FormatError, MissingDependencyError
from sirensong.pictures.image import to_pil
from sirensong.pictures.opening import HAS_AVIF, LARGEST_PIXELS, open_image, pixel_limit
from sirensong.pictures.reading import read_picture

CLAIMED = 14_000  # a side, within LARGEST_PIXELS

needs_avif = pytest.mark.skipif(not HAS_AVIF, reason="this Pillow has no AVIF")

SMALL = Image.new("RGB", (24, 16), (10, 200, 30))


def encoded(image, form, **options):
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def png(width, height, compressed, *, kind=2):
    """A PNG of 8 bits a sample. kind: 0 is grey, 2 is RGB."""

    def chunk(name, data):
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", compressed) + chunk(b"IEND", b"")


def webp_lossless(width, height):
    """34 bytes: every colour is given once, and every pixel takes none."""
    bits = (width - 1) | (height - 1) << 14
    image = b"\x2f" + struct.pack("<I", bits) + b"\x07\x10\x11\x11\x88\x88\x08\x08\0"
    chunk = b"VP8L" + struct.pack("<I", len(image)) + image
    return b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WEBP" + chunk


def webp_canvas(width, height):
    """An animation with a small frame on a large canvas."""
    data = bytearray(
        encoded(SMALL, "WEBP", save_all=True, append_images=[Image.new("RGB", (24, 16))])
    )
    data[24:30] = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return bytes(data)


def gif(width, height):
    """Two frames on a large screen; the first one is to be cleared."""
    frames = [Image.new("RGB", (24, 16), "white")]
    data = bytearray(encoded(SMALL, "GIF", save_all=True, append_images=frames, disposal=2))
    data[6:10] = struct.pack("<HH", width, height)
    return bytes(data)


def gif_of_a_large_frame(width, height):
    data = bytearray(encoded(SMALL, "GIF"))
    start = data.index(b",\0\0\0\0") + 5
    data[start : start + 4] = struct.pack("<HH", width, height)
    return bytes(data)


def jpeg(width, height):
    data = bytearray(encoded(SMALL, "JPEG"))
    start = data.index(b"\xff\xc0") + 5
    data[start : start + 4] = struct.pack(">HH", height, width)
    return bytes(data)


def tiff(width, height):
    """Deflated rows that all lie in one strip."""
    data = bytearray(encoded(SMALL, "TIFF", compression="tiff_adobe_deflate"))
    (directory,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, directory)
    sizes = {256: width, 257: height, 278: height}  # ImageWidth, ImageLength, RowsPerStrip
    for entry in range(directory + 2, directory + 2 + 12 * count, 12):
        (tag,) = struct.unpack_from("<H", data, entry)
        if tag in sizes:
            struct.pack_into("<HHII", data, entry, tag, 4, 1, sizes[tag])
    return bytes(data)


def boxed(data, width, height):
    """AVIF or HEIC with another size in its boxes "ispe" (ISO/IEC 23008-12, 6.5.3)."""
    changed = bytearray(data)
    start = changed.find(b"ispe")
    while start >= 0:
        struct.pack_into(">II", changed, start + 8, width, height)
        start = changed.find(b"ispe", start + 4)
    return bytes(changed)


def heic(image, **options):
    pillow_heif = pytest.importorskip(
        "pillow_heif", reason="pillow-heif, an extra, is not installed"
    )
    buffer = io.BytesIO()
    pillow_heif.from_pillow(image).save(buffer, **options)
    return buffer.getvalue()


HOSTILE = {
    "narrow.png": lambda: png(20, 9_830_424, zlib.compress(bytes(180_000), 9)),
    "square.png": lambda: png(CLAIMED, CLAIMED, zlib.compress(bytes(180_000), 9)),
    "lossless.webp": lambda: webp_lossless(CLAIMED, CLAIMED),
    "canvas.webp": lambda: webp_canvas(CLAIMED, CLAIMED),
    "screen.gif": lambda: gif(CLAIMED, CLAIMED),
    "frame.gif": lambda: gif_of_a_large_frame(CLAIMED, CLAIMED),
    "a.jpg": lambda: jpeg(CLAIMED, CLAIMED),
    "a.tif": lambda: tiff(CLAIMED, CLAIMED),
    "a.avif": lambda: boxed(encoded(SMALL, "AVIF"), CLAIMED, CLAIMED),
    "a.heic": lambda: boxed(heic(SMALL.resize((64, 64))), CLAIMED, CLAIMED),
}

FORMS = {
    ".png": "PNG",
    "webp": "WEBP",
    ".gif": "GIF",
    ".jpg": "JPEG",
    ".tif": "TIFF",
    "avif": "AVIF",
}

READER = """
import json, sys
from sirensong.errors import SirensongError
from sirensong.pictures.reading import read_picture

def peak():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))

warm, hostile = sys.argv[1:]
read_picture(warm)
before = peak()
try:
    refused = read_picture(hostile).size
except SirensongError as error:
    refused = error.message
print(json.dumps([refused, (peak() - before) / 1024]))
"""


class TestOutOfProportion:
    @pytest.mark.skipif(sys.platform != "linux", reason="peaks of memory are read from /proc")
    @pytest.mark.parametrize("name", HOSTILE)
    def test_a_small_file_of_a_large_image_is_refused_before_it_takes_memory(self, tmp_path, name):
        if name.endswith(".avif") and not HAS_AVIF:
            pytest.skip("this Pillow has no AVIF")
        data = HOSTILE[name]()
        assert len(data) < 1000
        (tmp_path / name).write_bytes(data)
        warm = tmp_path / "warm"
        warm.write_bytes(heic(SMALL) if name == "a.heic" else encoded(SMALL, FORMS[name[-4:]]))
        done = subprocess.run(
            [sys.executable, "-c", READER, str(warm), str(tmp_path / name)],
            capture_output=True,
            check=True,
            text=True,
        )
        refused, megabytes = json.loads(done.stdout)
        assert refused == (
            f"{tmp_path / name} claims too many pixels for the length of its file, "
            "or more than 200000000 at all"
        )
        assert megabytes < 8

    @pytest.mark.parametrize(
        ("form", "options"),
        [
            ("PNG", {}),
            ("WEBP", {"lossless": True, "method": 0}),
            ("GIF", {}),
            ("JPEG", {"progressive": True}),
            ("TIFF", {"compression": "tiff_adobe_deflate"}),
            pytest.param("AVIF", {"speed": 10}, marks=needs_avif),
        ],
    )
    def test_one_colour_over_12_megapixels_is_fine(self, form, options):
        data = encoded(Image.new("RGB", (4000, 3000), (200, 30, 90)), form, **options)
        with open_image(data, "a") as image:
            assert image.size == (4000, 3000)

    def test_deflate_cannot_reach_the_bound(self):
        """100 megapixels of black, as small as a PNG can be: 97 kB."""
        rows = zlib.compressobj(9)
        parts = [rows.compress(bytes(10_001_000)) for _ in range(10)]
        data = png(10_000, 10_001, b"".join(parts) + rows.flush(), kind=0)
        assert len(data) < 100_000
        with open_image(data, "a") as image:
            assert image.size == (10_000, 10_001)

    @given(st.integers(0, 2**32))
    def test_the_bound_grows_with_the_file(self, length):
        assert pixel_limit(length) == min(LARGEST_PIXELS, 2**24 + 2048 * length)

    @pytest.mark.parametrize(("side", "accepted"), [(4096, True), (4115, False)])
    def test_it_is_exact(self, side, accepted):
        data = png(side, side, zlib.compress(b""), kind=0)
        assert (side**2 <= pixel_limit(len(data))) == accepted
        if accepted:
            with open_image(data, "a") as image:
                assert image.size == (side, side)
        else:
            with pytest.raises(FormatError, match="too many pixels"), open_image(data, "a"):
                pass


def many_directories(count):
    """A TIFF whose directories are all alike, each the next one's predecessor."""
    data = bytearray(encoded(SMALL, "TIFF"))
    (start,) = struct.unpack_from("<I", data, 4)
    (entries,) = struct.unpack_from("<H", data, start)
    end = start + 2 + 12 * entries
    directory = bytes(data[start:end])
    for _ in range(count - 1):
        struct.pack_into("<I", data, end, len(data))
        data += directory + bytes(4)
        end = len(data) - 4
    return bytes(data)


def many_frames(count):
    frames = [Image.new("L", (2, 2), index % 256) for index in range(count)]
    return encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])


@pytest.mark.parametrize(
    ("make", "owner", "method"),
    [
        (many_directories, TiffImagePlugin.ImageFileDirectory_v2, "load"),
        (many_frames, GifImagePlugin.GifImageFile, "_seek"),
    ],
)
def test_frames_are_not_counted(monkeypatch, make, owner, method):
    looked_at = []
    real = getattr(owner, method)

    def count(self, *args, **kwargs):
        looked_at.append(self)
        return real(self, *args, **kwargs)

    monkeypatch.setattr(owner, method, count)
    data = make(1000)
    looked_at.clear()
    picture = read_picture(data)
    assert picture.notes == ("the image: only one of its frames is used",)
    assert 1 <= len(looked_at) <= 4


class TestFormats:
    def test_postscript_by_the_name_of_a_photograph_starts_no_program(self, tmp_path, monkeypatch):
        """Pillow's own way does start it, which shows that this test can fail."""
        started = tmp_path / "started"
        program = tmp_path / "gs"
        program.write_text(f"#!/bin/sh\ntouch {started}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
        monkeypatch.setattr(EpsImagePlugin, "gs_binary", None)
        (tmp_path / "holiday.jpg").write_bytes(encoded(SMALL, "EPS"))

        with pytest.raises(FormatError) as caught:
            read_picture(tmp_path / "holiday.jpg")
        assert (
            caught.value.message == f"{tmp_path / 'holiday.jpg'} is not an image that can be read"
        )
        assert "HEIC are read" in caught.value.hint
        assert not started.exists()

        monkeypatch.setattr(EpsImagePlugin, "gs_binary", None)
        with pytest.raises(OSError), Image.open(tmp_path / "holiday.jpg") as opened:  # noqa: PT011
            opened.load()
        assert started.exists()

    @pytest.mark.parametrize("form", ["PPM", "ICO", "PCX", "TGA", "SGI", "MSP", "DDS"])
    def test_other_formats_that_pillow_has_are_refused(self, form):
        image = SMALL.convert("1") if form == "MSP" else SMALL
        with pytest.raises(FormatError, match="the image is not an image that can be read"):
            read_picture(encoded(image, form))

    def test_two_images_in_one_jpeg_are_read(self):
        data = encoded(SMALL, "MPO", save_all=True, append_images=[SMALL])
        assert read_picture(data).notes == ("the image: only one of its frames is used",)

    @needs_avif
    def test_avif_is_read(self):
        data = encoded(SMALL, "AVIF", quality=100, subsampling="4:4:4")
        np.testing.assert_allclose(read_picture(data).pixels, read_picture(SMALL).pixels, atol=0.02)


class TestHeic:
    def test_it_is_read(self):
        colours = np.zeros((16, 24, 3), np.uint8)
        colours[:, :12] = 255, 0, 0
        picture = read_picture(heic(to_pil(colours), quality=100, chroma=444))
        assert picture.notes == ()
        np.testing.assert_allclose(picture.rgb.astype(int), colours, atol=6)

    def test_a_damaged_one_is_refused(self):
        data = heic(SMALL)
        for length in range(12, len(data) // 2, len(data) // 20):
            with pytest.raises(FormatError):
                read_picture(data[:length])

    @pytest.mark.parametrize(
        "brands", [b"heic\0\0\0\0mif1", b"mif1\0\0\0\0miafheic", b"hevc\0\0\0\0"]
    )
    def test_without_its_package_the_error_says_what_to_install(self, monkeypatch, brands):
        monkeypatch.setitem(sys.modules, "pillow_heif", None)
        data = struct.pack(">I", 8 + len(brands)) + b"ftyp" + brands + bytes(100)
        with pytest.raises(MissingDependencyError) as caught:
            read_picture(data)
        assert caught.value.message == (
            "the image is a HEIC image, and reading those needs pillow-heif"
        )
        assert caught.value.hint == "pip install 'sirensong[heic]'"

    @pytest.mark.parametrize(
        "data",
        [
            b"\0\0\0\x10ftypmif1\0\0\0\0" + b"heic" * 9,  # behind the box
            b"\0\0\0\x18ftypavif\0\0\0\0avifmif1",
            b"heic" * 9,
        ],
    )
    def test_what_is_none_needs_no_package(self, monkeypatch, data):
        monkeypatch.setitem(sys.modules, "pillow_heif", None)
        with pytest.raises(FormatError):
            read_picture(data)


def test_two_threads_do_not_mix_their_limits():
    """Pillow's limit is the process's: a file's is neither another's, nor does it stay."""
    before = Image.MAX_IMAGE_PIXELS
    entered, done = threading.Event(), threading.Event()

    def other():
        with open_image(encoded(SMALL, "PNG"), "b"):
            entered.set()
        done.set()

    with open_image(encoded(SMALL, "PNG"), "a"):
        thread = threading.Thread(target=other)
        thread.start()
        assert not entered.wait(0.2)
    assert done.wait(60)
    thread.join()
    assert before == Image.MAX_IMAGE_PIXELS
