"""What fine-tuning on the cover changes in a function (Zhao et al., IH&MMSec 2023).

A function that was trained for its cover alone has little to learn from it; one that was trained
for more may move on. The attacker's cover is what the function renders, in 8 bits.
"""

from __future__ import annotations

import numpy as np

from sirensong.carrier.stego import StegoFunction
from sirensong.lab.finetuning import finetune
from sirensong.lab.steganalysis.significance import Features
from sirensong.lab.steganalysis.statistics import joint_statistics, layer_statistics
from sirensong.network.rendering import render_uint8

STEPS = 10
_TINY = 1e-12


def calibration(stego: StegoFunction) -> Features:
    """Differences of each tile's statistics before and after some steps on its own render.

    Args:
        stego: the published function.

    Returns:
        (tiles, numbers): the changes of the statistics of layers and of their joint statistics,
        and the logarithm of how far each layer's weights moved.

    Raises:
        MissingDependencyError: torch is not installed.
    """
    picture = render_uint8(stego, (stego.height, stego.width))
    tuned = finetune(stego, picture, STEPS)
    moved = [
        np.log(((new.weight - old.weight) ** 2).mean((1, 2), dtype=np.float64) + _TINY)
        for old, new in zip(stego.weights, tuned.weights, strict=True)
    ]
    layers = layer_statistics(tuned.weights) - layer_statistics(stego.weights)
    joint = joint_statistics(tuned.weights) - joint_statistics(stego.weights)
    return np.concatenate([layers, joint, np.stack(moved, axis=1)], axis=1)
