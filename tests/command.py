"""What tests of the command share: small pictures, and an eye on its errors."""

import dataclasses

import numpy as np
from PIL import Image

import sirensong as ss
from sirensong import cli

SMALL = ["--hidden-features", "48", "--hidden-layers", "4", "--omega", "15"]
SMALL += ["--quality", "archive"]
QUARTER = ((0.0, 0.25),)
QUICK = dataclasses.replace(
    ss.FAST, cover=ss.Phase(40, QUARTER), joint=ss.Phase(120, QUARTER, hold=0.5)
)
"""The recipe `fast`, shortened."""


def photograph(seed, width, height):
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width] / max(height, width)
    waves = [
        np.sin(rng.uniform(2, 9) * x + rng.uniform(2, 9) * y + rng.uniform(0, 6, 3)[:, None, None])
        for _ in range(3)
    ]
    return Image.fromarray(
        np.rint((np.moveaxis(sum(waves), 0, -1) / 6 + 0.5) * 255).astype(np.uint8)
    )


def read(path):
    with Image.open(path) as image:
        return np.asarray(image) / 255


def size_of(path):
    with Image.open(path) as image:
        return image.size


def psnr(one, other):
    return -10 * np.log10(np.mean((one - other) ** 2))


def failure(capsys, arguments, code=1):
    """The error line of a command that must fail, checked for its form."""
    return failed(capsys, arguments, code)[0]


def failed(capsys, arguments, code=1):
    """The error line and the hint, "" for none, of a command that must fail."""
    assert cli.run(arguments) == code
    printed = capsys.readouterr()
    lines = printed.err.strip().splitlines()
    errors = [line for line in lines if line.startswith("sirensong: error: ")]
    hints = [line for line in lines if line.startswith("hint: ")]
    assert len(errors) == 1
    assert all(line.startswith(("sirensong: error: ", "hint: ", "note: ")) for line in lines)
    assert printed.out == ""
    return errors[0], "".join(hints)
