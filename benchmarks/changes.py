"""What benchmarks do to a published function, as others might on its way."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

import sirensong as ss
from sirensong.lab.finetuning import finetune
from sirensong.lab.robustness import perturb, prune, quantise


def _noisy(stego: ss.StegoFunction, strength: float) -> ss.StegoFunction:
    """Noise on all weights, in standard deviations of their matrix."""
    return perturb(stego, strength, np.random.default_rng(0))


def _tuned(stego: ss.StegoFunction, steps: int) -> ss.StegoFunction:
    """Trained on, towards the cover that it shows."""
    return finetune(stego, ss.sample(stego), steps=steps)


CHANGES: dict[str, Callable[[ss.StegoFunction], ss.StegoFunction]] = {
    "as made": lambda stego: stego,
    "rounded to 8 bits": partial(quantise, bits=8),
    "rounded to 6 bits": partial(quantise, bits=6),
    "noise 1 %": partial(_noisy, strength=0.01),
    "noise 3 %": partial(_noisy, strength=0.03),
    "noise 5 %": partial(_noisy, strength=0.05),
    "tuned on the cover, 50 steps": partial(_tuned, steps=50),
    "pruned 5 %": partial(prune, rate=0.05),
    "pruned 10 %": partial(prune, rate=0.1),
    "pruned 20 %": partial(prune, rate=0.2),
}
"""By the names that tables give them; "as made" is none."""
