"""The colour photographs that come with scikit-image: for the demo, for decoys, and where there is no data folder."""

from __future__ import annotations

import numpy as np

from sirensong.errors import MissingDependencyError
from sirensong.pictures.image import RGB

NAMES = ("astronaut", "chelsea", "coffee", "rocket")


def photograph(name: str) -> RGB:
    """One of them, whole. name: of NAMES. Raises MissingDependencyError without scikit-image."""
    try:
        from skimage import data
    except ImportError as error:
        raise MissingDependencyError(
            "these photographs need scikit-image", hint="pip install 'sirensong[hide]'"
        ) from error
    return np.asarray(getattr(data, name)())[..., :3]
