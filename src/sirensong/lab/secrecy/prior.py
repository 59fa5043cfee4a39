"""How natural does a picture look? Patches of photographs, as a mixture of Gaussians learned them.

The expected patch log likelihood of Zoran and Weiss (2011), on patches without their mean colour
and divided by the picture's contrast, so that faint pictures count as strong ones do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sirensong.errors import needing
from sirensong.pictures.image import Pixels

SIDE = 8
"""Of a patch, in pixels."""

_COMPONENTS = 8
_LEARNED = 20_000  # patches
_FLOOR = 0.02  # added to variances: patches of renders are never exact
_STEP = 4  # between patches, in pixels


@dataclass(frozen=True, eq=False)
class PatchPrior:
    """A mixture of K Gaussians over patches of 8x8 pixels in three colours.

    Args:
        log_weights: of the components, with their Gaussians' factors: (K,).
        means: (K, 192).
        whitening: (K, 192, 192); the squared length of (x - mean) @ whitening is Mahalanobis'.
        typical: mean log likelihood of photographs' patches.
    """

    log_weights: Tensor
    means: Tensor
    whitening: Tensor
    typical: float

    def log_likelihood(self, pictures: Tensor) -> Tensor:
        """Mean log likelihood of each picture's patches.

        Args:
            pictures: (pictures, height, width, 3), 8 pixels a side at least.

        Returns:
            (pictures,).
        """
        patches = patches_of(pictures)
        scores = [
            weight - ((patches - mean) @ whitening).square().sum(-1) / 2
            for weight, mean, whitening in zip(
                self.log_weights, self.means, self.whitening, strict=True
            )
        ]
        return torch.logsumexp(torch.stack(scores), 0).mean(1)


def patches_of(pictures: Tensor) -> Tensor:
    """Cut pictures into patches, without their mean colour, in units of the picture's contrast.

    Args:
        pictures: (pictures, height, width, 3).

    Returns:
        (pictures, patches, 192).
    """
    windows = pictures.unfold(1, SIDE, _STEP).unfold(2, SIDE, _STEP)
    patches = windows.permute(0, 1, 2, 4, 5, 3).reshape(len(pictures), -1, SIDE * SIDE, 3)
    centred = patches - patches.mean(2, keepdim=True)
    contrast = pictures.std((1, 2)).mean(1).clamp(min=1e-9)
    return centred.flatten(2) / contrast[:, None, None]


def fit_prior(pictures: Sequence[Pixels], seed: int = 0) -> PatchPrior:
    """Learn what photographs' patches look like.

    Args:
        pictures: photographs of the size at which others are judged, ten or more.
        seed: of the choice of patches and of the fit.

    Raises:
        MissingDependencyError: scikit-learn is not installed.
    """
    with needing("a prior of patches needs scikit-learn", extra="lab"):
        from sklearn.mixture import GaussianMixture
    every = [torch.from_numpy(picture)[None].double() for picture in pictures]
    patches = torch.cat([patches_of(picture)[0] for picture in every]).numpy()
    chosen = patches[np.random.default_rng(seed).permutation(len(patches))[:_LEARNED]]
    mixture = GaussianMixture(
        _COMPONENTS, reg_covar=_FLOOR, max_iter=20, tol=0.1, random_state=seed
    ).fit(chosen)
    whitening = mixture.precisions_cholesky_
    factors = np.log(np.diagonal(whitening, axis1=1, axis2=2)).sum(1)
    log_weights = np.log(mixture.weights_) + factors - chosen.shape[1] * np.log(2 * np.pi) / 2
    fitted = [torch.from_numpy(array) for array in (log_weights, mixture.means_, whitening)]
    exact = PatchPrior(fitted[0], fitted[1], fitted[2], 0.0)
    typical = float(np.mean([float(exact.log_likelihood(picture)) for picture in every]))
    return PatchPrior(fitted[0].float(), fitted[1].float(), fitted[2].float(), typical)
