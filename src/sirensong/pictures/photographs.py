"""The colour photographs that come with scikit-image: for the demo, and for decoys."""

from __future__ import annotations

import numpy as np

from sirensong.errors import MissingDependencyError
from sirensong.pictures.image import RGB

NAMES = ("astronaut", "chelsea", "coffee", "rocket")


def photograph(name: str) -> RGB:
    """Load one of them, whole.

    Args:
        name: one of `NAMES`.

    Returns:
        (height, width, 3), uint8.

    Raises:
        MissingDependencyError: scikit-image is not installed.
    """
    try:
        from skimage import data
    except ImportError as error:
        raise MissingDependencyError(
            "these photographs need scikit-image", hint="pip install 'sirensong[hide]'"
        ) from error
    return np.asarray(getattr(data, name)())[..., :3]
