"""Fine-tuning: a published function is trained on, on its cover alone, by somebody without keys.

It needs torch, as `hide` does.
"""

from __future__ import annotations

from dataclasses import replace

from sirensong.carrier.mapped import empty_weights
from sirensong.carrier.stego import StegoFunction
from sirensong.errors import SettingError
from sirensong.hide import put_weights
from sirensong.pictures.reading import ImageLike, read_picture
from sirensong.training.loading import loading
from sirensong.training.options import OnProgress
from sirensong.training.recipe import FINETUNING


def finetune(
    stego: StegoFunction,
    picture: ImageLike,
    steps: int = 200,
    *,
    rate: float = FINETUNING.rate,
    on_progress: OnProgress | None = None,
) -> StegoFunction:
    """Train a function's weights some steps more, to render one picture (Eq. 2).

    Adam on all pixels at once, from the published weights on. Slots stay as they are, so that keys
    still open them.

    Args:
        stego: the published function; not changed.
        picture: the cover photograph, or what the function renders already; of any size, its
            pixels are spread over the whole function.
        steps: of training, at least 1.
        rate: learning rate, between 0 and 1.
        on_progress: called with a Progress a few times a second; if it returns False, the run
            stops.

    Returns:
        The function with the trained weights.

    Raises:
        SettingError: a setting or the picture's size is out of range.
        MissingDependencyError: torch is not installed.
        StoppedError: `on_progress` returned False.
    """
    if steps < 1:
        raise SettingError(f"steps must be at least 1, got {steps}")
    if not 0 < rate < 1:
        raise SettingError(f"the learning rate must be between 0 and 1, got {rate:g}")
    opened = read_picture(picture).rgb
    stego.grid.check((opened.shape[0], opened.shape[1]))
    with loading("fine-tuning"):
        from sirensong.training.steps import continue_training
    phase = replace(FINETUNING.cover, steps=steps)
    recipe = replace(FINETUNING, cover=phase, rate=rate, adam_rate=rate, last_rate=rate)
    weights = empty_weights(stego.architecture, stego.grid)
    for tiles, trained in continue_training(stego, opened, recipe, on_progress):
        put_weights(weights, tiles, trained)
    return replace(stego, weights=weights)
