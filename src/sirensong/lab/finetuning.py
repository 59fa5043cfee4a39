"""Fine-tuning: a published function is trained on, on its cover alone, by somebody without keys. It needs torch, as `hide` does."""

from __future__ import annotations

from dataclasses import replace

from sirensong.carrier.stego import StegoFunction
from sirensong.errors import SettingError
from sirensong.hide import check_tiles
from sirensong.pictures.image import ImageLike, read_picture
from sirensong.training.loading import loading
from sirensong.training.progress import Listener
from sirensong.training.recipe import FINETUNING


def finetune(
    stego: StegoFunction,
    picture: ImageLike,
    steps: int = 200,
    *,
    rate: float = FINETUNING.rate,
    listener: Listener | None = None,
) -> StegoFunction:
    """Train a function's weights some steps more, to render a picture: the cover photograph, or what it renders already.

    Eq. 2 from the published weights on, with Adam on all pixels at once. picture: of any size; its pixels are spread over the whole
    function. rate: of learning. listener: is called with a Progress a few times a second. Slots stay as they are, so that keys
    still open them. Raises SettingError for settings or a size that cannot be, MissingDependencyError without torch.
    """
    if steps < 1:
        raise SettingError(f"steps must be at least 1, got {steps}")
    if not 0 < rate < 1:
        raise SettingError(f"the rate of learning must be between 0 and 1, got {rate:g}")
    levels = read_picture(picture).rgb
    check_tiles([levels], stego.grid)
    with loading("fine-tuning"):
        from sirensong.training.run import train_on
    recipe = replace(FINETUNING, cover_steps=steps, rate=rate, adam_rate=rate, last_rate=rate)
    return replace(stego, weights=train_on(stego, levels, recipe, listener))
