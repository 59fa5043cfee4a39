"""Schemes whose sender and receiver share a trained network; their files are pictures."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch

from sirensong.errors import SettingError
from sirensong.keys.secret import SecretKey
from sirensong.lab.baselines.method import PictureMethod, encode_png
from sirensong.lab.baselines.networks.crops import Crops
from sirensong.lab.baselines.networks.network import HidingNetwork, as_tensor
from sirensong.lab.baselines.networks.training import Budget, Progress, Tell, train
from sirensong.lab.baselines.networks.weights import read_weights, write_weights
from sirensong.pictures.image import RGB
from sirensong.version import __version__


class NetworkMethod(PictureMethod):
    """A scheme with a trained network.

    Attributes:
        network: with the weights that were read, or untrained.
        facts: what the file of weights says of them; empty without one.
    """

    variants: ClassVar[tuple[str, ...]] = ("small", "full")
    trained: ClassVar[bool] = True

    def __init__(
        self, variant: str | None = None, secrets: int = 2, weights: Path | None = None
    ) -> None:
        """Make the network.

        Args:
            variant: "small" or "full".
            secrets: how many pictures each stego picture hides.
            weights: a file of `sirensong baseline train`; None leaves the network untrained.

        Raises:
            SettingError: there is no such variant, or it does not hide so many.
            FileError: the weights cannot be read.
            FormatError: they are of another method, variant or number of secrets.
        """
        super().__init__(variant, secrets)
        self.network = self.make_network()
        self.facts: dict[str, str] = {}
        if weights is not None:
            self.facts = read_weights(weights, self.network, self._identity)
        self.network.eval()

    @abstractmethod
    def make_network(self) -> HidingNetwork:
        """An untrained network of this variant, for this many secrets."""

    @property
    def decoder_bytes(self) -> int:
        """The receiver's weights, in 16-bit floats."""
        return 2 * sum(parameter.numel() for parameter in self.network.decoder())

    @property
    def _identity(self) -> dict[str, str]:
        return {"method": self.name, "variant": self.variant, "secrets": str(self.secrets)}

    def train(
        self, crops: Crops, budget: Budget, output: Path, *, overwrite: bool, tell: Tell | None
    ) -> Progress:
        """Train the network and write its weights.

        Args:
            crops: the training pictures.
            budget: how long, and with what.
            output: the file of weights. OUTPUT.part is the snapshot of a run that was stopped.
            overwrite: whether it may replace a file.
            tell: is called after each step.

        Returns:
            How far it came.

        Raises:
            StoppedError: `tell` stopped it; OUTPUT.part has all steps that were taken.
            TrainingDivergedError: the loss is not finite, even with much smaller steps.
            FileError: a file cannot be written.
            FormatError: OUTPUT.part is the snapshot of another training.
        """
        torch.manual_seed(budget.seed)
        self.network = self.make_network()
        part = output.with_name(output.name + ".part")
        progress = train(self.network, crops, self.secrets, budget, snapshot=part, tell=tell)
        self.facts = self._identity | {
            "minutes": f"{progress.minutes:.1f} of one {budget.device}",
            "steps": str(progress.steps),
            "batch": str(budget.batch),
            "crops": f"{crops.side}x{crops.side} of {len(crops.names)} photographs",
            "photographs": crops.digest,
            "seed": str(budget.seed),
            "sirensong": __version__,
        }
        write_weights(output, self.network, self.facts, overwrite=overwrite)
        part.unlink(missing_ok=True)
        return progress

    def hide(self, cover: RGB, secrets: Sequence[RGB], keys: Sequence[SecretKey] = ()) -> bytes:
        """Run the hiding function; see `Method.hide`."""
        self.check(cover, secrets, keys)
        self._need_weights()
        with torch.inference_mode():
            stego = self.network.hide(as_tensor([cover]), as_tensor(secrets))
        return encode_png(_as_rgb(stego[0]))

    def reveal(self, file: bytes, index: int, key: SecretKey | None = None) -> RGB:
        """Run the revealing function; see `Method.reveal`."""
        self.check_index(index, key)
        self._need_weights()
        with torch.inference_mode():
            revealed = self.network.reveal(as_tensor([self.view(file)]))
        return _as_rgb(revealed[0, 3 * index : 3 * index + 3])

    def _need_weights(self) -> None:
        if not self.facts:
            raise SettingError(
                f"{self.name} needs trained weights",
                hint=f"--weights FILE, of `sirensong baseline train {self.name}`",
            )


def _as_rgb(picture: torch.Tensor) -> RGB:
    """(3, height, width), in [0, 1] and clipped to it, to an 8-bit picture."""
    samples = (picture.clamp(0, 1) * 255).round().to(torch.uint8)
    return np.ascontiguousarray(samples.permute(1, 2, 0).numpy())
