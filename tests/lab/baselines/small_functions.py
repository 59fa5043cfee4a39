"""What tests of schemes with functions share: keys, small pictures, short trainings."""

from dataclasses import replace

import numpy as np

from sirensong.keys.secret import SecretKey

KEYS = [SecretKey(bytes([number]) * 32) for number in range(5)]
NONCE = bytes(range(32))


def shortened(method, steps):
    """The same method, with few steps, each of which looks at whole pictures."""
    method.stages = replace(
        method.stages,
        secret=replace(method.stages.secret, steps=steps, share=1.0),
        stego=replace(method.stages.stego, steps=steps, share=1.0),
    )
    return method


def pictures(count):
    """Smooth ones, each with a colour and a direction of its own."""
    y, x = np.mgrid[:16, :16] / 15
    made = []
    for number in range(count):
        slope = x if number % 2 else y
        made.append(np.stack([slope, 1 - slope, 0 * x + number / count], -1) * 255)
    return [np.rint(picture).astype(np.uint8) for picture in made]


def watched(method, monkeypatch):
    """What `represent` makes from now on: (parameters, part) of each secret."""
    made, represent = [], method.represent

    def watch(*given):
        made.append(represent(*given))
        return made[-1]

    monkeypatch.setattr(method, "represent", watch)
    return made
