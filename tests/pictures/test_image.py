"""Photographs: every kind that people have, read to the same colours; coordinates; writing."""

import hashlib
import io
import math
import stat
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from sirensong.errors import FileError, FormatError, SettingError
from sirensong.pictures import image, opening, reading
from sirensong.pictures.image import digest, fill, fit_within, from_uint8, resize, to_pil, to_uint8
from sirensong.pictures.opening import HAS_AVIF
from sirensong.pictures.reading import read_picture
from sirensong.pictures.writing import PICTURE_ENDINGS, encode_picture, write_picture

RGB = np.random.default_rng(4).integers(0, 256, (5, 7, 3), dtype=np.uint8)
GREY = RGB[..., 0]
RED = np.array([255, 0, 0], np.uint8)


def colours(array):
    """8-bit samples as float32 in [0, 1], grey in three channels."""
    array = np.asarray(array)
    return (array if array.ndim == 3 else np.dstack([array] * 3)).astype(np.float32) / np.float32(
        255
    )


def encoded(image, form, **options):
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def photograph(seed=1, size=(48, 64)):
    """Smooth colours, which JPEG keeps well."""
    x, y = np.meshgrid(np.linspace(0, 3, size[1]), np.linspace(0, 2, size[0]))
    return np.stack(
        [(np.sin(x * (seed + channel) + y) + 1) / 2 for channel in range(3)], axis=-1
    ).astype(np.float32)


@pytest.fixture(params=[False, True], ids=["small", "large"])
def large(request, monkeypatch):
    """With and without what large pictures take: bands, here of a row or a few."""
    if request.param:
        monkeypatch.setattr(image, "_BAND", 20)
    return request.param


@pytest.fixture
def read(tmp_path, large):
    """Write bytes to a file and read them as a picture."""

    def read_from_file(data, name="a.png"):
        (tmp_path / name).write_bytes(data)
        return read_picture(tmp_path / name)

    return read_from_file


def assert_picture(picture, expected, notes=()):
    """The picture has exactly the expected colours, and notes that contain `notes`, one each."""
    assert picture.pixels.dtype == np.float32
    assert picture.pixels.flags.c_contiguous
    assert picture.size == expected.shape[:2]
    np.testing.assert_array_equal(picture.pixels, expected)
    assert len(picture.notes) == len(notes)
    for note, part in zip(picture.notes, notes, strict=True):
        assert part in note


class TestFiles:
    @pytest.mark.parametrize("form", ["PNG", "WEBP", "BMP", "TIFF"])
    def test_rgb(self, read, form):
        options = {"lossless": True} if form == "WEBP" else {}
        assert_picture(read(encoded(Image.fromarray(RGB), form, **options)), colours(RGB))

    @pytest.mark.parametrize("make_name", [str, lambda path: path])
    def test_a_path_as_text_or_as_a_path(self, tmp_path, make_name):
        Image.fromarray(RGB).save(tmp_path / "a.png")
        assert_picture(read_picture(make_name(tmp_path / "a.png")), colours(RGB))

    def test_an_ending_does_not_matter(self, read):
        assert_picture(read(encoded(Image.fromarray(RGB), "PNG"), "holiday.jpg"), colours(RGB))

    def test_grey(self, read):
        assert_picture(read(encoded(Image.fromarray(GREY), "PNG")), colours(GREY))

    def test_one_bit(self, read):
        black_and_white = Image.fromarray(GREY > 127)
        assert black_and_white.mode == "1"
        assert_picture(read(encoded(black_and_white, "PNG")), colours((GREY > 127) * np.uint8(255)))

    def test_palette(self, read):
        image = Image.fromarray(GREY % 4).convert("P")
        image.putpalette([10, 20, 30, 200, 0, 0, 0, 200, 0, 0, 0, 250] + [0] * 756)
        table = np.array([[10, 20, 30], [200, 0, 0], [0, 200, 0], [0, 0, 250]], np.uint8)
        expected = table[np.asarray(image)]
        assert_picture(read(encoded(image, "PNG")), colours(expected))

    def test_palette_with_a_transparent_colour(self, read):
        image = Image.fromarray(np.array([[0, 1]], np.uint8)).convert("P")
        image.putpalette([10, 20, 30, 200, 0, 0] + [0] * 762)
        data = encoded(image, "PNG", transparency=0)
        assert_picture(
            read(data),
            colours([[[255, 255, 255], [200, 0, 0]]]),
            ["transparency dropped, laid on white"],
        )

    def test_alpha_is_laid_on_white(self, read):
        pixels = np.array([[[200, 100, 0, 255], [200, 100, 0, 0], [0, 0, 0, 51]]], np.uint8)
        data = encoded(Image.fromarray(pixels), "PNG")
        expected = [[[200, 100, 0], [255, 255, 255], [204, 204, 204]]]
        assert_picture(read(data), colours(expected), ["transparency dropped, laid on white"])

    def test_grey_with_alpha(self, read):
        data = encoded(
            Image.fromarray(np.array([[[200, 255], [200, 0], [0, 51]]], np.uint8)), "PNG"
        )
        expected = [[[200] * 3, [255] * 3, [204] * 3]]
        assert_picture(read(data), colours(expected), ["transparency dropped, laid on white"])

    @pytest.mark.parametrize(
        "array",
        [np.dstack([RGB, np.full_like(GREY, 255)]), np.dstack([GREY, np.full_like(GREY, 255)])],
    )
    def test_an_alpha_that_hides_nothing_is_not_worth_a_note(self, read, array):
        assert_picture(
            read(encoded(Image.fromarray(array), "PNG")),
            colours(RGB if array.shape[2] == 4 else GREY),
        )

    def test_16_bit_grey(self, read):
        wide = np.array([[0, 128, 129, 257, 32768, 65535]], np.uint16)
        assert_picture(
            read(encoded(Image.fromarray(wide), "PNG")),
            colours([[0, 0, 1, 1, 128, 255]]),
            ["16-bit grey reduced to 8 bits"],
        )

    def test_16_bit_colour(self, read):
        """Pillow cannot write it, so this PNG is made by hand."""
        samples = np.array([[[0, 257 * 100, 65535], [257, 257 * 254, 257 * 7]]], ">u2")

        def chunk(kind, data):
            return (
                struct.pack(">I", len(data))
                + kind
                + data
                + struct.pack(">I", zlib.crc32(kind + data))
            )

        data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 1, 16, 2, 0, 0, 0))
        data += chunk(b"IDAT", zlib.compress(b"\0" + samples.tobytes())) + chunk(b"IEND", b"")
        assert_picture(
            read(data),
            colours([[[0, 100, 255], [1, 254, 7]]]),
            ["16-bit colours reduced to 8 bits"],
        )

    def test_floating_point_grey(self, read):
        data = encoded(Image.fromarray(np.array([[0, 0.25, 1]], np.float32)), "TIFF")
        assert_picture(
            read(data), colours([[0, 64, 255]]), ["floating-point grey reduced to 8 bits"]
        )

    def test_floating_point_grey_beyond_1_is_scaled(self, read):
        data = encoded(Image.fromarray(np.array([[0, 500, 1000]], np.float32)), "TIFF")
        assert_picture(
            read(data), colours([[0, 128, 255]]), ["floating-point grey reduced to 8 bits"]
        )

    @pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
    def test_values_that_are_not_finite_are_refused(self, read, value):
        with pytest.raises(FormatError, match="not finite"):
            read(encoded(Image.fromarray(np.array([[0, value]], np.float32)), "TIFF"), "a.tif")

    def test_a_cmyk_jpeg(self, read):
        data = encoded(
            Image.fromarray(np.full((8, 8, 3), RED)).convert("CMYK"), "JPEG", quality=100
        )
        picture = read(data, "a.jpg")
        np.testing.assert_allclose(
            picture.pixels, np.broadcast_to([1.0, 0.0, 0.0], (8, 8, 3)), atol=0.02
        )
        assert [note.split(": ")[1] for note in picture.notes] == [
            "colours converted from CMYK to RGB"
        ]

    def test_an_animated_gif(self, read):
        frames = [Image.fromarray(np.full((5, 7, 3), np.roll(RED, shift))) for shift in range(3)]
        data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
        assert_picture(
            read(data, "a.gif"),
            colours(np.full((5, 7, 3), RED)),
            ["only one of its frames is used"],
        )

    def test_a_jpeg(self, read):
        pixels = photograph()
        picture = read(encoded(to_pil(pixels), "JPEG", quality=95), "a.jpg")
        assert picture.size == (48, 64)
        assert picture.notes == ()
        np.testing.assert_allclose(picture.pixels, pixels, atol=0.06)

    def test_notes_name_the_file(self, read, tmp_path):
        picture = read(encoded(Image.fromarray(np.zeros((2, 2), np.uint16)), "PNG"), "grey.png")
        assert picture.notes == (f"{tmp_path / 'grey.png'}: 16-bit grey reduced to 8 bits",)


# what a viewer has to do to a picture with this EXIF orientation, to show it upright
UPRIGHT = {
    1: lambda pixels: pixels,
    2: lambda pixels: pixels[:, ::-1],
    3: lambda pixels: pixels[::-1, ::-1],
    4: lambda pixels: pixels[::-1],
    5: lambda pixels: pixels.swapaxes(0, 1),
    6: lambda pixels: np.rot90(pixels, -1),
    7: lambda pixels: pixels[::-1, ::-1].swapaxes(0, 1),
    8: lambda pixels: np.rot90(pixels),
}
TRANSPOSED = {
    2: "FLIP_LEFT_RIGHT",
    3: "ROTATE_180",
    4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE",
    6: "ROTATE_270",
    7: "TRANSVERSE",
    8: "ROTATE_90",
}


class TestOrientation:
    @pytest.mark.parametrize("orientation", range(1, 9))
    @pytest.mark.parametrize("form", ["PNG", "WEBP", "TIFF"])
    def test_it_is_applied(self, read, orientation, form):
        exif = Image.Exif()
        exif[0x0112] = orientation
        options = {"lossless": True} if form == "WEBP" else {}
        stored = Image.fromarray(RGB)
        picture = read(encoded(stored, form, exif=exif, **options))
        assert_picture(picture, colours(UPRIGHT[orientation](RGB)))
        turned = (
            stored.transpose(Image.Transpose[TRANSPOSED[orientation]])
            if orientation > 1
            else stored
        )
        assert_picture(picture, colours(turned))

    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_it_is_applied_to_a_jpeg_and_to_a_pil_image(self, read, orientation):
        exif = Image.Exif()
        exif[0x0112] = orientation
        data = encoded(to_pil(photograph()), "JPEG", exif=exif)
        plain = np.asarray(Image.open(io.BytesIO(data)))
        assert_picture(read(data), colours(UPRIGHT[orientation](plain)))
        assert_picture(
            read_picture(Image.open(io.BytesIO(data))), colours(UPRIGHT[orientation](plain))
        )

    @pytest.mark.parametrize("orientation", [0, 9, 65535])
    def test_a_senseless_one_is_passed_over(self, read, orientation):
        exif = Image.Exif()
        exif[0x0112] = orientation
        assert_picture(read(encoded(Image.fromarray(RGB), "PNG", exif=exif)), colours(RGB))


class TestPil:
    def test_modes_without_loss(self):
        assert_picture(read_picture(Image.fromarray(RGB)), colours(RGB))
        assert_picture(read_picture(Image.fromarray(GREY)), colours(GREY))

    @pytest.mark.parametrize("mode", ["YCbCr", "HSV", "CMYK", "RGBX"])
    def test_other_colour_spaces_are_converted(self, mode):
        image = Image.fromarray(RGB).convert(mode)
        assert_picture(
            read_picture(image),
            colours(image.convert("RGB")),
            [f"colours converted from {mode} to RGB"],
        )

    def test_16_bit_grey(self):
        image = Image.fromarray(np.array([[0, 32768, 65535]], np.uint16))
        assert_picture(
            read_picture(image), colours([[0, 128, 255]]), ["16-bit grey reduced to 8 bits"]
        )

    def test_it_is_not_changed(self):
        image = Image.fromarray(RGB)
        read_picture(image)
        np.testing.assert_array_equal(np.asarray(image), RGB)

    @pytest.mark.parametrize("size", [(0, 0), (0, 5), (5, 0)])
    def test_no_pixels_are_refused(self, size):
        with pytest.raises(FormatError, match=f"the image is {size[0]}x{size[1]}, expected sides"):
            read_picture(Image.new("RGB", size))

    def test_one_that_cannot_be_decoded_or_converted_is_refused(self):
        half = encoded(Image.fromarray(RGB), "PNG")[:-30]
        with pytest.raises(FormatError):
            read_picture(Image.open(io.BytesIO(half)))
        with pytest.raises(FormatError):
            read_picture(Image.new("La", (3, 2)))


class TestArrays:
    @pytest.mark.parametrize(
        "array", [RGB, GREY, RGB[:1, :1], RGB[::-1, ::2], np.asfortranarray(RGB)]
    )
    def test_8_bits(self, array):
        assert_picture(read_picture(array), colours(array))

    @pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, ">f4"])
    def test_floating(self, dtype):
        array = np.array([[0, 1, 0.5, 0.25]], dtype)
        assert_picture(read_picture(array), colours([[0, 255, 128, 64]]))
        assert_picture(read_picture(np.dstack([array] * 3)), colours([[0, 255, 128, 64]]))

    @given(st.lists(st.integers(0, 65535), min_size=1, max_size=20))
    def test_16_bits_are_rounded_to_the_nearest(self, samples):
        picture = read_picture(np.array([samples], np.uint16))
        assert_picture(
            picture,
            colours([[(2 * sample + 257) // 514 for sample in samples]]),
            ["the image: 16-bit colours reduced to 8 bits"],
        )

    @pytest.mark.parametrize(
        ("dtype", "full"), [(np.uint8, 255), (np.uint16, 65535), (np.float32, 1)]
    )
    def test_alpha_is_laid_on_white(self, dtype, full):
        array = (np.array([[[1, 0, 0, 1], [1, 0, 0, 0]]]) * full).astype(dtype)
        picture = read_picture(array)
        np.testing.assert_array_equal(picture.pixels, [[[1, 0, 0], [1, 1, 1]]])
        assert picture.notes[-1] == "the image: transparency dropped, laid on white"

    def test_an_alpha_that_hides_nothing_is_not_worth_a_note(self):
        assert_picture(read_picture(np.dstack([RGB, np.full_like(GREY, 255)])), colours(RGB))

    def test_it_is_not_changed_and_not_shared(self):
        array = np.array([[[0.5, 0.25, 1]]], np.float32)
        picture = read_picture(array)
        picture.rgb[:] = 0
        assert array.tolist() == [[[0.5, 0.25, 1]]]

    def test_8_bit_colours_are_taken_as_they_are(self):
        """A large photograph is in memory once."""
        assert np.shares_memory(read_picture(RGB).rgb, RGB)

    @pytest.mark.parametrize(
        "shape",
        [
            (),
            (5,),
            (0, 5),
            (5, 0),
            (5, 0, 3),
            (5, 5, 1),
            (5, 5, 2),
            (5, 5, 5),
            (3, 5, 5),
            (1, 5, 5, 3),
        ],
    )
    def test_other_shapes_are_refused(self, shape):
        with pytest.raises(SettingError, match=r"an image array is \(height, width\)"):
            read_picture(np.zeros(shape, np.uint8))

    @pytest.mark.parametrize(
        "dtype", [bool, np.int8, np.int16, np.int64, np.uint32, np.complex64, object, "U1"]
    )
    def test_other_kinds_are_refused(self, dtype):
        with pytest.raises(SettingError, match="uint8, uint16 or floating"):
            read_picture(np.zeros((2, 2), dtype))

    @pytest.mark.parametrize("value", [-0.001, 1.001, 255, math.nan, math.inf, -math.inf])
    def test_floating_values_out_of_range_are_refused(self, value):
        with pytest.raises(SettingError, match=r"finite values in \[0, 1\]"):
            read_picture(np.array([[0.5, value]]))


class Arrayed:
    """Not an array, but made one by NumPy, as a tensor is."""

    def __init__(self, array):
        self.array = array

    def __array__(self, dtype=None, copy=None):
        if isinstance(self.array, Exception):
            raise self.array
        return self.array


class TestOtherObjects:
    @pytest.mark.parametrize("make", [bytes, bytearray, memoryview, io.BytesIO])
    def test_the_bytes_of_a_file(self, make):
        assert_picture(read_picture(make(encoded(Image.fromarray(RGB), "PNG"))), colours(RGB))

    @pytest.mark.parametrize("buffering", [-1, 0])
    def test_an_open_file(self, tmp_path, buffering):
        Image.fromarray(RGB).save(tmp_path / "a.png")
        with (tmp_path / "a.png").open("rb", buffering) as file:
            assert_picture(read_picture(file), colours(RGB))
            assert not file.closed

    def test_what_numpy_makes_an_array_of(self):
        assert_picture(read_picture(Arrayed(RGB)), colours(RGB))
        assert_picture(read_picture(Arrayed(colours(RGB))), colours(RGB))

    def test_a_tensor(self):
        torch = pytest.importorskip("torch", reason="PyTorch, an extra, is not installed")
        assert_picture(read_picture(torch.from_numpy(RGB)), colours(RGB))
        trained = torch.from_numpy(colours(RGB)).requires_grad_()
        with pytest.raises(SettingError, match=r"image of type Tensor: .*grad") as caught:
            read_picture(trained)
        assert caught.value.message.isprintable()

    @pytest.mark.parametrize("error", [TypeError("On a\nGPU"), RuntimeError("On a\nGPU")])
    def test_what_cannot_be_made_an_array_is_refused_in_one_line(self, error):
        with pytest.raises(SettingError) as caught:
            read_picture(Arrayed(error))
        assert caught.value.message == (
            "cannot make an array of the image of type Arrayed: on a gpu"
        )

    @pytest.mark.parametrize("image", [None, 5, [[1, 2]], (RGB, RGB), {"a": RGB}, object()])
    def test_anything_else_is_refused(self, image):
        with pytest.raises(SettingError) as caught:
            read_picture(image)
        assert caught.value.message == (
            "expected an image: a path, bytes, a binary file, a PIL image or an array, "
            f"got {type(image).__name__}"
        )

    def test_a_file_of_text_is_refused(self):
        with pytest.raises(SettingError, match="from StringIO: expected a file opened in binary"):
            read_picture(io.StringIO("text"))

    def test_a_file_that_cannot_be_read_is_a_problem(self):
        file = io.BytesIO(b"data")
        file.close()
        with pytest.raises(FileError, match="cannot read the image: i/o operation on closed"):
            read_picture(file)

    @pytest.mark.parametrize("data", [b"", io.BytesIO()])
    def test_nothing_is_refused(self, data):
        with pytest.raises(FormatError, match="the image is empty, expected an image"):
            read_picture(data)

    def test_more_than_the_cap_is_refused(self, monkeypatch):
        monkeypatch.setattr(reading, "_LARGEST_BYTES", 10)
        with pytest.raises(FormatError, match="the image is too large for an image"):
            read_picture(io.BytesIO(bytes(11)))

    def test_notes_name_it_the_image(self):
        for source in (GREY.astype(np.uint16), Image.fromarray(GREY.astype(np.uint16))):
            assert [note.partition(":")[0] for note in read_picture(source).notes] == ["the image"]


class TestSides:
    @pytest.mark.parametrize("size", [(70_000, 4), (4, 70_000), (65_536, 1)])
    def test_a_side_that_no_slot_can_keep_is_refused_on_reading(self, tmp_path, size):
        array = np.zeros((*size, 3), np.uint8)
        Image.fromarray(array).save(tmp_path / "a.png")
        for source, name in (
            (array, "the image"),
            (Image.fromarray(array), "the image"),
            (tmp_path / "a.png", str(tmp_path / "a.png")),
        ):
            with pytest.raises(FormatError) as caught:
                read_picture(source)
            assert caught.value.message == (
                f"{name} is {size[1]}x{size[0]}, expected sides of 1 to 65535 pixels"
            )

    def test_the_longest_is_fine(self):
        assert read_picture(np.zeros((1, 65_535, 3), np.uint8)).size == (1, 65_535)


class TestDamaged:
    def assert_refused(self, read, data, name="a.png"):
        with pytest.raises(FormatError) as caught:
            read(data, name)
        assert name in caught.value.message
        assert caught.value.message.isprintable()

    @pytest.mark.parametrize(
        "data",
        [
            b"",
            b"not a picture",
            b"# A text file\n" * 50,
            b"\x89PNG\r\n\x1a\n",
            b"\xff\xd8\xff",
            b"PK\x03\x04",
            bytes(1000),
        ],
    )
    def test_no_picture(self, read, data):
        self.assert_refused(read, data)

    @pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"])
    def test_truncated(self, read, form):
        data = encoded(to_pil(photograph(size=(12, 16))), form)
        for size in range(0, len(data) // 2, max(1, len(data) // 60)):
            self.assert_refused(read, data[:size])

    def test_a_decompression_bomb(self, read):
        """A small file whose header promises 50,000 x 50,000 pixels."""
        header = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
        data = bytearray(encoded(Image.fromarray(RGB), "PNG"))
        data[16:29] = header
        data[29:33] = struct.pack(">I", zlib.crc32(b"IHDR" + header))
        self.assert_refused(read, bytes(data))

    @pytest.mark.parametrize(("pixels", "accepted"), [(34, False), (36, True)])
    def test_the_limit_is_ours_and_not_pillow_s(self, read, monkeypatch, pixels, accepted):
        monkeypatch.setattr(opening, "LARGEST_PIXELS", pixels)
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 3)
        if accepted:
            assert read(encoded(Image.fromarray(RGB), "PNG")).size == (5, 7)
        else:
            self.assert_refused(read, encoded(Image.fromarray(RGB), "PNG"))
        assert Image.MAX_IMAGE_PIXELS == 3

    @given(
        form=st.sampled_from(["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP"]),
        changes=st.lists(
            st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)),
            min_size=1,
            max_size=6,
        ),
    )
    def test_changed_bytes_give_a_picture_or_a_format_error(self, tmp_path_factory, form, changes):
        frames = [to_pil(photograph(seed, size=(6, 8))) for seed in (1, 2)]
        animation = {"save_all": True, "append_images": frames[1:]} if form == "GIF" else {}
        data = bytearray(encoded(frames[0], form, **animation))
        for share, value in changes:
            data[int(share * min(len(data), 300))] = value
        path = tmp_path_factory.getbasetemp() / "changed"
        path.write_bytes(data)
        try:
            picture = read_picture(path)
        except FormatError as error:
            picture, message = None, error.message
        if picture is None:
            assert message.isprintable()
            return
        assert picture.pixels.shape == (*picture.size, 3)
        assert 0 <= picture.pixels.min() <= picture.pixels.max() <= 1

    @pytest.mark.parametrize(
        "error",
        [
            IndexError,
            RuntimeError,
            NotImplementedError,
            TypeError,
            MemoryError,
            EOFError,
            struct.error,
        ],
    )
    @pytest.mark.parametrize("reason", ["", "Bad\nframe 2"])
    def test_whatever_a_decoder_raises_is_a_format_error(self, read, monkeypatch, error, reason):
        def fail(_):
            raise error(reason)

        monkeypatch.setattr(Image, "open", fail)
        self.assert_refused(read, b"GIF89a")

    def test_what_cannot_be_read_is_a_problem(self, tmp_path):
        with pytest.raises(FileError, match=r"cannot read .*a.png: no such file"):
            read_picture(tmp_path / "a.png")
        with pytest.raises(FileError, match="is not a regular file"):
            read_picture(tmp_path)


class TestConversion:
    def test_every_8_bit_value_survives(self):
        every = np.arange(256, dtype=np.uint8).reshape(1, 256)
        np.testing.assert_array_equal(to_uint8(from_uint8(every)), every)
        assert from_uint8(every).dtype == np.float32

    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            (0, 0),
            (1, 255),
            (0.4999 / 255, 0),
            (0.5001 / 255, 1),
            (254.4999 / 255, 254),
            (254.5001 / 255, 255),
            (-0.3, 0),
            (7, 255),
            (math.inf, 255),
            (-math.inf, 0),
        ],
    )
    def test_rounding_and_clipping(self, value, expected):
        assert to_uint8(np.array([value])).tolist() == [expected]

    def test_8_bits_stay_as_they_are(self):
        assert to_uint8(RGB) is RGB

    def test_bands_do_not_show_in_rounding(self):
        pixels = np.random.default_rng(2).uniform(-0.1, 1.1, (600, 3, 3)).astype(np.float32)
        np.testing.assert_array_equal(
            to_uint8(pixels), np.rint(np.clip(pixels, 0, 1) * np.float32(255)).astype(np.uint8)
        )

    def test_to_pil(self):
        image = to_pil(colours(RGB))
        assert (image.mode, image.size) == ("RGB", (7, 5))
        np.testing.assert_array_equal(np.asarray(image), RGB)


class TestDigest:
    def test_it_is_sha_256_of_the_settings_and_of_each_picture_s_shape_and_bytes(self, large):
        """Results and checkpoints of earlier versions are found by it."""
        expected = hashlib.sha256(b"('fast', 3)")
        for array in (RGB, colours(RGB)):
            expected.update(b"(5, 7, 3)" + array.tobytes())
        assert digest([RGB, colours(RGB)[:, ::-1][:, ::-1]], ("fast", 3)) == expected.digest()


class TestResize:
    def test_the_same_size_is_the_same_picture(self):
        assert resize(RGB, 5, 7) is RGB

    @pytest.mark.parametrize("size", [(24, 32), (96, 128), (1, 1), (10, 200), (47, 63)])
    def test_it_is_lanczos_s(self, size, large):
        rgb = to_uint8(photograph())
        image, (height, width) = Image.fromarray(rgb), size
        wide = (
            image.resize((width, 48), Image.Resampling.LANCZOS) if large else image
        )  # one axis after the other
        expected = wide.resize((width, height), Image.Resampling.LANCZOS)
        resized = np.asarray(resize(rgb, *size))
        assert resized.dtype == np.uint8
        np.testing.assert_allclose(
            resized.astype(int), expected, atol=large
        )  # Pillow has 24 bits for where a band is

    def test_a_flat_picture_stays_flat(self):
        np.testing.assert_array_equal(
            resize(np.full((6, 6, 3), 77, np.uint8), 9, 4), np.full((9, 4, 3), 77)
        )

    @pytest.mark.parametrize(
        ("size", "bounds", "fitted"),
        [
            ((100, 200), (50, 50), (25, 50)),
            ((200, 100), (50, 50), (50, 25)),
            ((100, 100), (300, 300), (100, 100)),
            ((1080, 1920), (512, 512), (288, 512)),
            ((10_000, 1), (100, 100), (100, 1)),
            ((3, 3), (2, 8), (2, 2)),
        ],
    )
    def test_fit_within(self, size, bounds, fitted):
        assert fit_within(size, bounds) == fitted

    @given(
        size=st.tuples(st.integers(1, 5000), st.integers(1, 5000)),
        bounds=st.tuples(st.integers(1, 2000), st.integers(1, 2000)),
    )
    def test_fit_within_stays_within_and_keeps_the_shape(self, size, bounds):
        height, width = fit_within(size, bounds)
        assert 1 <= height <= min(size[0], bounds[0])
        assert 1 <= width <= min(size[1], bounds[1])
        assert height in (size[0], bounds[0]) or width in (
            size[1],
            bounds[1],
        )  # no larger one would fit
        assert abs(height * size[1] - width * size[0]) <= sum(
            size
        )  # each side is off by a pixel at most


class TestWrite:
    @pytest.mark.parametrize("ending", [".png", ".webp", ".bmp", ".tif", ".tiff", ".PNG", ".TIFF"])
    def test_lossless_ones_survive(self, tmp_path, ending):
        write_picture(tmp_path / f"a{ending}", colours(RGB))
        assert_picture(read_picture(tmp_path / f"a{ending}"), colours(RGB))

    @pytest.mark.parametrize("ending", [".jpg", ".jpeg", ".JPG"])
    def test_jpeg(self, tmp_path, ending):
        write_picture(tmp_path / f"a{ending}", photograph())
        with Image.open(tmp_path / f"a{ending}") as image:
            assert image.format == "JPEG"
        np.testing.assert_allclose(
            read_picture(tmp_path / f"a{ending}").pixels, photograph(), atol=0.06
        )

    @pytest.mark.parametrize(
        ("ending", "form"),
        [
            (".png", "PNG"),
            (".webp", "WEBP"),
            (".bmp", "BMP"),
            (".tif", "TIFF"),
            (".tiff", "TIFF"),
            (".jpg", "JPEG"),
            (".jpeg", "JPEG"),
        ],
    )
    def test_the_format_is_the_ending_s(self, ending, form):
        with Image.open(io.BytesIO(encode_picture(photograph(), f"a{ending}"))) as image:
            assert (image.format, image.mode, image.size) == (form, "RGB", (64, 48))

    @pytest.mark.parametrize(
        ("name", "ending"),
        [("a.gif", ".gif"), ("a", "no ending"), ("png", "no ending"), ("a.png.txt", ".txt")],
    )
    def test_other_endings_are_refused(self, tmp_path, name, ending):
        with pytest.raises(SettingError, match=f"got {ending}"):
            write_picture(tmp_path / name, colours(RGB))
        assert list(tmp_path.iterdir()) == []

    def test_a_side_longer_than_the_format_allows_is_refused(self):
        long = np.zeros((1, 16_384, 3), np.float32)
        with pytest.raises(SettingError, match="16384x1 is too large for WEBP"):
            encode_picture(long, "a.webp")
        assert encode_picture(long, "a.png")

    @pytest.mark.skipif(not HAS_AVIF, reason="this Pillow has no AVIF")
    def test_avif(self, tmp_path):
        write_picture(tmp_path / "a.avif", photograph())
        with Image.open(tmp_path / "a.avif") as image:
            assert image.format == "AVIF"
        np.testing.assert_allclose(
            read_picture(tmp_path / "a.avif").pixels, photograph(), atol=0.06
        )
        with pytest.raises(SettingError, match="70000x1 is too large for AVIF"):
            encode_picture(np.zeros((1, 70_000, 3), np.uint8), "a.avif")

    @pytest.mark.parametrize(("secret", "mode"), [(False, 0o644), (True, 0o600)])
    def test_a_revealed_secret_can_be_its_owner_s_alone(self, tmp_path, set_umask, secret, mode):
        set_umask(0o022)
        write_picture(tmp_path / "a.png", RGB, secret=secret)
        assert stat.S_IMODE((tmp_path / "a.png").stat().st_mode) == mode

    def test_an_existing_file_is_replaced_only_with_overwrite(self, tmp_path):
        write_picture(tmp_path / "a.png", colours(RGB))
        with pytest.raises(FileError, match="exists"):
            write_picture(tmp_path / "a.png", colours(RGB[::-1]))
        assert_picture(read_picture(tmp_path / "a.png"), colours(RGB))
        write_picture(tmp_path / "a.png", colours(RGB[::-1]), overwrite=True)
        assert_picture(read_picture(tmp_path / "a.png"), colours(RGB[::-1]))


@pytest.mark.parametrize(("size", "wanted", "rows", "columns"), [
    ((4, 8), (4, 4), slice(0, 4), slice(2, 6)),
    ((8, 4), (4, 4), slice(2, 6), slice(0, 4)),
    ((6, 6), (2, 6), slice(2, 4), slice(0, 6)),
    ((5, 7), (5, 7), slice(0, 5), slice(0, 7)),
])  # fmt: skip
def test_filling_takes_the_middle(size, wanted, rows, columns):
    picture = from_uint8(np.random.default_rng(1).integers(0, 256, (*size, 3), np.uint8))
    np.testing.assert_array_equal(fill(picture, *wanted), picture[rows, columns])
    assert fill(picture, 3, 50).shape == (3, 50, 3)


def test_the_endings_of_images_that_can_be_read():
    endings = {".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".heic", ".heif"}
    assert set(PICTURE_ENDINGS) == endings | ({".avif"} if HAS_AVIF else set())
