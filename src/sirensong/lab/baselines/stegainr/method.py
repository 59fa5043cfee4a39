"""StegaINR as a method: each secret's neurons and frequencies follow from its key."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from sirensong.errors import SettingError
from sirensong.keys.secret import SecretKey
from sirensong.keys.stream import permutation
from sirensong.lab.baselines.functions.function import NeuralFunction
from sirensong.lab.baselines.functions.method import FrozenParts, Public, Stages
from sirensong.lab.baselines.functions.parts import Neurons, Part
from sirensong.lab.baselines.functions.training import Training
from sirensong.lab.baselines.stegainr.function import (
    FREQUENCIES,
    FourierFunction,
    draw_frequencies,
)

_WIDTH = 64  # of a secret's function
_LITERAL = Training(steps=2_000, rate=1e-4, betas=(0.5, 0.999))


class StegaInr(FrozenParts):
    """Hiding functions within functions, Liu et al. 2023.

    Nothing in a file tells a right key from a wrong one: a wrong key cuts out other neurons, and
    shows a picture without likeness to the secret.
    """

    name: ClassVar[str] = "stegainr"
    title: ClassVar[str] = "StegaINR (2023)"
    variants: ClassVar[tuple[str, ...]] = ("tuned", "literal")
    most: ClassVar[int] = 4
    widths: ClassVar[tuple[int, ...]] = (2 * FREQUENCIES, 256, 256, 256, 3)
    schedules: ClassVar[dict[str, Stages]] = {
        "tuned": Stages(
            Training(steps=1_500, rate=1e-2, share=1 / 8, falls=True),
            Training(steps=1_500, rate=5e-3, share=1 / 8, falls=True),
        ),
        "literal": Stages(_LITERAL, Training(steps=2_000, rate=1e-3, betas=None)),
    }

    def __init__(self, variant: str | None = None, secrets: int = 2) -> None:
        """Choose a variant.

        Args:
            variant: "tuned" or "literal".
            secrets: 1 to 4; 1 for "literal".

        Raises:
            SettingError: there is no such variant, or it does not hide so many.
        """
        super().__init__(variant, secrets)
        if self._is_literal and secrets != 1:
            raise SettingError(f"stegainr literal hides 1 picture, got {secrets}")

    def stego_function(self, public: Public) -> NeuralFunction:
        """Everybody knows its frequencies; see `FrozenParts.stego_function`."""
        return FourierFunction(draw_frequencies(public.nonce, public.nonce, "stegainr/cover"))

    def secret_function(
        self, public: Public, index: int, key: SecretKey
    ) -> tuple[NeuralFunction, Part]:
        """See `FrozenParts.secret_function`."""
        purpose = f"stegainr/{index}/frequencies"
        function = FourierFunction(draw_frequencies(key.secret, public.nonce, purpose))
        return function, Part(self.neurons(public.nonce, index, key), self._is_literal)

    def neurons(self, nonce: bytes, index: int, key: SecretKey) -> Neurons:
        """Choose a secret's neurons.

        In each hidden layer the nonce, which anybody knows, deals all neurons out to the secrets;
        a secret's key chooses among those of its own. So no two recipients meet, though none knows
        another's key, and nobody but they knows which half of its neurons a secret takes.

        Args:
            nonce: of the file.
            index: which secret, from 0.
            key: of its recipient.
        """
        return tuple(
            self._chosen(f"stegainr/{layer}", size, nonce, index, key)
            for layer, size in enumerate(self.widths[1:-1])
        )

    def _chosen(
        self, purpose: str, size: int, nonce: bytes, index: int, key: SecretKey
    ) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        dealt = permutation(nonce, nonce, purpose, size)[index :: self.secrets]
        order = permutation(key.secret, nonce, f"{purpose}/{index}", len(dealt))
        return np.sort(dealt[order[: min(_WIDTH, size // (2 * self.secrets))]])

    @property
    def _is_literal(self) -> bool:
        return self.variant == "literal"
