"""Schemes whose carrier is a neural function that holds the secrets' functions, frozen."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from sirensong.keys.secret import SecretKey
from sirensong.keys.stream import NONCE_BYTES, derive
from sirensong.lab.baselines.functions.file import (
    FunctionFile,
    check_size,
    read_function,
    write_function,
)
from sirensong.lab.baselines.functions.function import (
    NeuralFunction,
    Parameters,
    Widths,
    render,
    shapes_of,
)
from sirensong.lab.baselines.functions.parts import Part
from sirensong.lab.baselines.functions.training import Training, train
from sirensong.lab.baselines.method import FunctionMethod
from sirensong.network.siren import Layer, Weights
from sirensong.network.tiles import Grid
from sirensong.pictures.image import RGB, digest, size_of


@dataclass(frozen=True)
class Stages:
    """How a scheme trains.

    Attributes:
        secret: each secret's function, by itself.
        stego: the stego function, around the secrets' frozen ones.
    """

    secret: Training
    stego: Training


@dataclass(frozen=True)
class Public:
    """What anybody reads in a file besides the function's parameters.

    Attributes:
        nonce: 32 bytes, of this file alone.
        wrapped: what is there for each recipient; empty in most schemes.
    """

    nonce: bytes
    wrapped: tuple[bytes, ...] = ()


class FrozenParts(FunctionMethod):
    """A scheme in which each secret is a small function at some neurons of the stego function.

    The small ones are trained first and are then frozen: whoever knows the neurons cuts them out
    again, without loss. All other parameters are trained until the whole shows the cover.

    Nothing is drawn but from the keys and the pictures: the same call gives the same file. The
    pictures go in, so that no two files share a nonce.

    Attributes:
        widths: of the stego function.
        schedules: how each variant trains.
        wrapped_bytes: in the file for each recipient.
        stages: how this one trains.
    """

    widths: ClassVar[Widths]
    schedules: ClassVar[dict[str, Stages]]
    wrapped_bytes: ClassVar[int] = 0

    def __init__(self, variant: str | None = None, secrets: int = 2) -> None:
        """Choose a variant; see `Method`."""
        super().__init__(variant, secrets)
        self.stages = self.schedules[self.variant]

    @abstractmethod
    def stego_function(self, public: Public) -> NeuralFunction:
        """What the stego function does with its parameters."""

    @abstractmethod
    def secret_function(
        self, public: Public, index: int, key: SecretKey
    ) -> tuple[NeuralFunction, Part]:
        """What a secret's function does with its parameters, and where they are.

        Args:
            public: of the file.
            index: which secret, from 0.
            key: of its recipient.

        Raises:
            NoPictureError: there is nothing for this key, where the scheme can tell.
        """

    def publish(self, nonce: bytes, keys: Sequence[SecretKey]) -> Public:  # noqa: ARG002
        """Make what anybody will read in the file.

        Args:
            nonce: of the file.
            keys: of the recipients.
        """
        return Public(nonce)

    def hide(self, cover: RGB, secrets: Sequence[RGB], keys: Sequence[SecretKey]) -> bytes:
        """Train the secrets' functions, then the stego function; see `Method.hide`."""
        self.check(cover, secrets, keys)
        return self._make(cover, secrets, keys)

    def hide_nothing(self, cover: RGB, seed: bytes) -> bytes:
        """Train the function of the cover alone, none of it frozen; see `FunctionMethod`."""
        self._check_size(cover)
        nobody = (derive(seed, b"", f"baselines/nobody/{place}") for place in range(self.secrets))
        return self._make(cover, (), [SecretKey(secret) for secret in nobody])

    def _make(self, cover: RGB, secrets: Sequence[RGB], keys: Sequence[SecretKey]) -> bytes:
        """Train and write a function; there may be keys without secrets."""
        check_size(size_of(cover))
        entropy = b"".join(key.secret for key in keys)
        pictures = digest([cover, *secrets], self._identity)
        rng = np.random.default_rng(list(derive(entropy, pictures, "baselines/start")))
        public = self.publish(derive(entropy, pictures, "baselines/nonce"), keys)
        function = self.stego_function(public)
        whole = function.begin(self.widths, rng)
        free = [torch.ones_like(parameter, dtype=torch.bool) for parameter in whole]
        for index, (secret, key) in enumerate(zip(secrets, keys, strict=False)):
            small, part = self.represent(public, index, secret, key, rng)
            part.insert(small, whole)
            part.freeze(free)
        whole = train(function, whole, free, cover, self.stages.stego, rng)
        return write_function(self._tensors(whole, public), size_of(cover), self._identity)

    def represent(
        self,
        public: Public,
        index: int,
        secret: RGB,
        key: SecretKey,
        rng: np.random.Generator,
    ) -> tuple[Parameters, Part]:
        """Train a secret's function by itself.

        Args:
            public: of the file.
            index: which secret, from 0.
            secret: the picture.
            key: of its recipient.
            rng: draws its start, and the order of the pixels.

        Returns:
            Its parameters, and where they belong.
        """
        function, part = self.secret_function(public, index, key)
        start = part.own(function.begin((self.widths[0], *part.widths, self.widths[-1]), rng))
        free = part.trained(start)
        return train(function, start, free, secret, self.stages.secret, rng), part

    def view(self, file: bytes) -> RGB:
        """Render the stego function; see `Method.view`."""
        found, public = self._read(file)
        return render(self.stego_function(public), self._parameters(found), found.size)

    def function(self, file: bytes) -> tuple[Weights, Grid]:
        """One function for the whole picture; see `FunctionMethod.function`."""
        arrays = [parameter.numpy()[None] for parameter in self._parameters(self._read(file)[0])]
        layers = zip(arrays[::2], arrays[1::2], strict=True)
        return tuple(Layer(weight, bias) for weight, bias in layers), Grid()

    def reveal(self, file: bytes, index: int, key: SecretKey | None = None) -> RGB:
        """Cut a secret's function out and render it; see `Method.reveal`."""
        self.check_index(index, key)
        assert key is not None  # noqa: S101
        found, public = self._read(file)
        function, part = self.secret_function(public, index, key)
        return render(function, part.cut(self._parameters(found)), found.size)

    @property
    def _identity(self) -> dict[str, str]:
        return {"method": self.name, "variant": self.variant, "secrets": str(self.secrets)}

    @property
    def _names(self) -> list[str]:
        layers = range(len(self.widths) - 1)
        return [f"layers.{layer}.{what}" for layer in layers for what in ("weight", "bias")]

    def _tensors(self, whole: Sequence[Tensor], public: Public) -> dict[str, Tensor]:
        """All that the file holds, by name."""
        tensors = dict(zip(self._names, whole, strict=True))
        tensors["nonce"] = _bytes_tensor(public.nonce)
        if public.wrapped:
            tensors["wrapped"] = _bytes_tensor(b"".join(public.wrapped)).view(self.secrets, -1)
        return tensors

    def _read(self, file: bytes) -> tuple[FunctionFile, Public]:
        wrapped = (bytes(self.wrapped_bytes),) * self.secrets if self.wrapped_bytes else ()
        weights = [torch.empty(shape) for shape in shapes_of(self.widths)]
        expected = self._tensors(weights, Public(bytes(NONCE_BYTES), wrapped))
        found = read_function(file, expected, self._identity)
        rows = [row.numpy().tobytes() for row in found.tensors.get("wrapped", ())]
        return found, Public(found.tensors["nonce"].numpy().tobytes(), tuple(rows))

    def _parameters(self, found: FunctionFile) -> Parameters:
        return [found.tensors[name] for name in self._names]


def _bytes_tensor(data: bytes) -> Tensor:
    return torch.tensor(list(data), dtype=torch.uint8)
