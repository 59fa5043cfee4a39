"""What a trained scheme is to the training loop: a pair of functions, and a loss."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from sirensong.pictures.image import RGB


class HidingNetwork(nn.Module, ABC):
    """Two functions that are trained together: one hides pictures in a picture, one reveals them.

    Pictures are (sets, channels, height, width) in [0, 1]; the secrets of a set lie one after
    another along the channels.

    Attributes:
        rate: the training's highest step size.
        secret_weight: of each secret's squared error in the loss; the stego picture's has 1.
        early: whether the training is in its first half; the training loop says so.
    """

    rate: float = 1e-3
    secret_weight: float = 0.75
    early: bool = False

    @abstractmethod
    def hide(self, cover: Tensor, secrets: Tensor) -> Tensor:
        """Make the stego picture, not yet clipped and rounded.

        Args:
            cover: (sets, 3, height, width).
            secrets: (sets, 3 secrets, height, width).

        Returns:
            (sets, 3, height, width).
        """

    @abstractmethod
    def reveal(self, stego: Tensor) -> Tensor:
        """Recover the secrets from the stego picture as a file has it, rounded to 8 bits.

        Args:
            stego: (sets, 3, height, width).

        Returns:
            (sets, 3 secrets, height, width).
        """

    @abstractmethod
    def decoder(self) -> Iterable[nn.Parameter]:
        """The parameters that a receiver needs."""

    def loss(self, cover: Tensor, secrets: Tensor) -> Tensor:
        """What training makes small: mean squared errors, through the file's 8 bits."""
        stego = self.hide(cover, secrets)
        error = self.secrets_error(self.reveal(as_file(stego)), secrets)
        mse = nn.functional.mse_loss(stego, cover)
        return mse + self.secret_weight * error + self.penalty(cover, stego)

    def secrets_error(self, revealed: Tensor, secrets: Tensor) -> Tensor:
        """How far what is revealed is from the secrets: their mean squared errors, summed."""
        return secrets.shape[1] / 3 * nn.functional.mse_loss(revealed, secrets)

    def penalty(self, cover: Tensor, stego: Tensor) -> Tensor:  # noqa: ARG002
        """A scheme's further terms of the loss; here that colours leave what a file can hold."""
        return nn.functional.relu((stego - 0.5).abs() - 0.5).square().mean()


class SeparateNetwork(HidingNetwork):
    """Hides by some layers and reveals by others.

    Attributes:
        revealing: the layers that reveal all secrets.
    """

    revealing: nn.Module

    def reveal(self, stego: Tensor) -> Tensor:
        """See `HidingNetwork.reveal`."""
        revealed: Tensor = self.revealing(stego)
        return revealed

    def decoder(self) -> Iterable[nn.Parameter]:
        """The revealing layers."""
        return self.revealing.parameters()


def as_file(picture: Tensor) -> Tensor:
    """Round a picture as its file does; gradients pass as if it did not.

    Args:
        picture: colours, in [0, 1] and clipped to it.

    Returns:
        Multiples of 1/255.
    """
    rounded = (picture.detach().clamp(0, 1) * 255).round() / 255
    return picture + (rounded - picture).detach()


def as_tensor(pictures: Iterable[RGB]) -> Tensor:
    """Put pictures one after another along the channels.

    Args:
        pictures: (height, width, 3), uint8, all of one size.

    Returns:
        (1, 3 pictures, height, width), in [0, 1].
    """
    parts = [torch.from_numpy(picture.copy()).permute(2, 0, 1) for picture in pictures]
    return torch.cat(parts)[None].float() / 255
