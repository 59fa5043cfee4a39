"""The photographs that come with scikit-image: for the demo, and for decoys."""

from __future__ import annotations

from functools import cache

import numpy as np

from sirensong.errors import MissingDependencyError
from sirensong.pictures.image import RGB

NAMES = ("astronaut", "chelsea", "coffee", "rocket")
COLOURED = (*NAMES, "stereo_motorcycle")
GREY = ("brick", "camera", "grass", "gravel")


@cache
def photograph(name: str) -> RGB:
    """Load one of them, whole; of a stereo pair the left one.

    It is loaded once: a decoy is made of parts of several, and a montage would decode them anew.

    Args:
        name: one of `COLOURED` or `GREY`.

    Returns:
        (height, width, 3), uint8, which cannot be written to.

    Raises:
        MissingDependencyError: scikit-image is not installed.
    """
    try:
        from skimage import data
    except ImportError as error:
        raise MissingDependencyError(
            "these photographs need scikit-image", hint="pip install 'sirensong[hide]'"
        ) from error
    loaded = getattr(data, name)()
    pixels = np.asarray(loaded[0] if isinstance(loaded, tuple) else loaded)
    coloured = np.stack([pixels] * 3, axis=-1) if pixels.ndim == 2 else pixels[..., :3]
    coloured.flags.writeable = False
    return coloured
