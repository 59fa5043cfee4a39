"""INRSteg as a method: one key shuffles the neurons, and is wrapped for each recipient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from sirensong.keys.secret import SecretKey
from sirensong.keys.stream import derive, permutation
from sirensong.lab.baselines.functions.function import NeuralFunction
from sirensong.lab.baselines.functions.method import FrozenParts, Public, Stages
from sirensong.lab.baselines.functions.parts import Part
from sirensong.lab.baselines.functions.training import Training
from sirensong.lab.baselines.functions.wrapping import WRAPPED_BYTES, unwrap, wrap
from sirensong.lab.baselines.inrsteg.function import Siren

_WIDTH = 256
_SINES = 7  # the first layer and six hidden ones
_PURPOSE = "inrsteg/wrap"
_PUBLISHED = Training(steps=100_000, rate=1e-4)


class InrSteg(FrozenParts):
    """Implicit steganography beyond the constraints of modality, Song et al. 2024.

    A key for which nothing was wrapped is refused. Each recipient's key opens every secret of the
    file, as it does in the published scheme.
    """

    name: ClassVar[str] = "inrsteg"
    title: ClassVar[str] = "INRSteg (2024)"
    variants: ClassVar[tuple[str, ...]] = ("small", "full")
    most: ClassVar[int] = 4
    widths: ClassVar[tuple[int, ...]] = (2, *[_WIDTH] * _SINES, 3)
    wrapped_bytes: ClassVar[int] = WRAPPED_BYTES
    schedules: ClassVar[dict[str, Stages]] = {
        "small": Stages(
            Training(steps=600, rate=5e-4, share=1 / 16, falls=True),
            Training(steps=1_000, rate=2e-4, share=1 / 16, falls=True),
        ),
        "full": Stages(_PUBLISHED, _PUBLISHED),
    }

    def publish(self, nonce: bytes, keys: Sequence[SecretKey]) -> Public:
        """Draw the key that shuffles, and wrap it; see `FrozenParts.publish`."""
        shared = derive(b"".join(key.secret for key in keys), nonce, "inrsteg/shared")
        return Public(nonce, tuple(wrap(shared, keys, nonce, _PURPOSE)))

    def stego_function(self, public: Public) -> NeuralFunction:  # noqa: ARG002
        """See `FrozenParts.stego_function`."""
        return Siren()

    def secret_function(
        self, public: Public, index: int, key: SecretKey
    ) -> tuple[NeuralFunction, Part]:
        """See `FrozenParts.secret_function`.

        Raises:
            NoPictureError: nothing was wrapped for this key.
        """
        shared = unwrap(public.wrapped, key, public.nonce, _PURPOSE)
        width = _WIDTH // max(2, self.secrets)
        orders = (
            permutation(shared, public.nonce, f"inrsteg/layer/{layer}", _WIDTH)
            for layer in range(_SINES)
        )
        block = slice(index * width, (index + 1) * width)
        return Siren(), Part(tuple(np.sort(order[block]) for order in orders))
