"""Sound as a function of time: what it takes to hold speech and music, beside FLAC.

`apt-get install alsa-utils pocketsphinx-testdata amoebax-data gunroar-data`, then
`python benchmarks/sound.py [--root /] [--only TEXT] [--steps 4000] [--as-picture] [-o results]`.

A prototype, which hides nothing for real. A sound is cut into segments, each a small SIREN of one
coordinate, time, and of as many outputs as there are channels. Weights are trained as a carrier's
are (Muon and Adam, on a lattice, straight through) and coded by its coder, whose bytes are counted,
without a file's header and slots. A secret is another sound of the same length: 20 % of the first
four hidden matrices (two, if there are no more) are replaced in its functions, at positions drawn
by NumPy. Neither decoys nor wrong keys are trained, both of which cost quality, and segments do not
overlap.

Prints Markdown, writes sound.json.
"""

from __future__ import annotations

import argparse
import io
import json
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import soundfile
import torch
from scipy.linalg import solve_toeplitz
from torch import Tensor

from sirensong import Options, dumps, render_uint8
from sirensong import fit as fit_picture
from sirensong.carrier.coding import decode, encode
from sirensong.network.siren import Architecture
from sirensong.network.substitution import KEYED_GAIN, KEYED_MATRICES, KEYED_RATIO
from sirensong.training.optimizer import Adam, Muon
from sirensong.training.phase import Phase
from sirensong.training.quality import steps_for
from sirensong.training.recipe import FAST

HERE = Path(__file__).parent
_BITS_A_WEIGHT = 8.6  # at the usual coarseness
_ROOM = 0.98  # of the size that is aimed at
_OF_PICTURES = 2.5  # carriers of photographs against AVIF files (docs/performance.md)

Sound = npt.NDArray[np.int16]
"""(samples, channels)."""


class Clip(NamedTuple):
    """A stretch of a sound that a package installs.

    Args:
        file: below usr/share.
        start: in seconds.
        seconds: how long, if there is so much.
    """

    file: str
    start: float
    seconds: float


class Work(NamedTuple):
    """A row of the table.

    Args:
        name: of the cover, for --only too.
        cover: what everybody hears.
        secret: what one key reveals, at the same rate and with as many channels.
        decibels: SNR that is asked for.
    """

    name: str
    cover: Clip
    secret: Clip
    decibels: float


_ALSA, _POCKET = "sounds/alsa", "pocketsphinx/test/data"
_NOVEL = f"{_POCKET}/librivox/sense_and_sensibility_01_austen_64kb"
_AMOEBAX, _GUNROAR = "games/amoebax/music", "games/gunroar/sounds/musics"

WORKS = (
    Work(
        "alsa, 48 kHz",
        Clip(f"{_ALSA}/Front_Center.wav", 0.1, 0.6),
        Clip(f"{_ALSA}/Rear_Right.wav", 0.1, 0.6),
        40,
    ),
    Work(
        "cards, 16 kHz",
        Clip(f"{_POCKET}/cards/005.wav", 1.0, 1.0),
        Clip(f"{_POCKET}/cards/004.wav", 0.3, 1.0),
        40,
    ),
    Work(
        "librivox, 16 kHz",
        Clip(f"{_NOVEL}-0930.wav", 1.0, 1.0),
        Clip(f"{_NOVEL}-0880.wav", 1.0, 1.0),
        40,
    ),
    Work(
        "amoebax, 44.1 kHz stereo",
        Clip(f"{_AMOEBAX}/KerberosBackground.ogg", 10.0, 0.3),
        Clip(f"{_AMOEBAX}/AngusBackground.ogg", 10.0, 0.3),
        35,
    ),
    Work(
        "gunroar, 44.1 kHz",
        Clip(f"{_GUNROAR}/gr3.ogg", 15.0, 0.5),
        Clip(f"{_GUNROAR}/gr1.ogg", 15.0, 0.5),
        35,
    ),
)
"""Speech at 48 kHz is under GPL-2, at 16 kHz under BSD-2; music is under the Free Art License 1.2
(amoebax) and BSD-2 (gunroar), and was Vorbis before.
"""


@dataclass(frozen=True)
class Settings:
    """How a sound is made a function; what stands here was tuned on none of `WORKS`.

    Args:
        width: hidden features.
        layers: sine layers.
        reach: of the frequencies that the first layer starts with, in Hz.
        coarseness: factor on the steps of the lattice.
        steps: of the joint stage.
        level: root mean square of the sound that a function gives.
    """

    width: int = 32
    layers: int = 3
    reach: float = 2000.0
    coarseness: float = 0.2
    steps: int = 4000
    level: float = 1.4


class Segments(NamedTuple):
    """A sound in pieces of nearly one length, T of them.

    Args:
        starts: (T,), the first sample of each.
        sizes: (T,), how many it has.
        samples: (T, longest, channels), 0 beyond a piece's end.
    """

    starts: Tensor
    sizes: Tensor
    samples: Tensor


def cut(sound: npt.NDArray[np.floating], count: int, order: npt.NDArray[np.int64]) -> Segments:
    """Cut a sound into segments.

    Args:
        sound: (samples, channels).
        count: T.
        order: which function holds which segment; each its own if it is empty.
    """
    ends = np.arange(count + 1) * len(sound) // count
    starts, sizes = ends[:-1], np.diff(ends)
    samples = np.zeros((count, sizes.max(), sound.shape[1]), np.float32)
    for place, (start, size) in enumerate(zip(starts, sizes, strict=True)):
        samples[place, :size] = sound[start : start + size]
    if len(order):
        starts, sizes, samples = starts[order], sizes[order], samples[order]
    return Segments(*(torch.from_numpy(part) for part in (starts, sizes, samples)))


class Functions:
    """T x F functions, F of which share weights: a cover's, and secret ones'.

    Args:
        settings: of all.
        rate: samples a second.
        pieces: of the cover, then of each secret.
        rng: draws starts, positions and key weights.
    """

    def __init__(
        self,
        settings: Settings,
        rate: int,
        pieces: Sequence[Segments],
        rng: np.random.Generator,
    ) -> None:
        self.settings, self.pieces = settings, list(pieces)
        segments, longest, channels = pieces[0].samples.shape
        width, hidden = settings.width, settings.layers - 1
        omega = math.pi * settings.reach * longest / rate
        self.steps = steps_for(
            Architecture(width, settings.layers, min(omega, 1e4)), settings.coarseness
        )

        def uniform(bound: float, *shape: int) -> Tensor:
            return torch.from_numpy(rng.uniform(-bound, bound, shape).astype(np.float32))

        self.latent = [
            uniform(omega, segments, width, 1),
            uniform(math.pi, segments, width),
            uniform(FAST.gain * math.sqrt(6 / width), hidden, segments, width, width),
            uniform(1 / math.sqrt(width), hidden, segments, width),
            uniform(math.sqrt(6 / width), segments, channels, width),
            torch.zeros(segments, channels),
        ]
        inner = torch.tensor(self.steps[2:-2]).view(hidden, 2)
        self.lattice = [
            torch.tensor(self.steps[0]), torch.tensor(self.steps[1]),
            inner[:, 0].view(hidden, 1, 1, 1), inner[:, 1].view(hidden, 1, 1),
            torch.tensor(self.steps[-2]), torch.tensor(self.steps[-1]),
        ]  # fmt: skip
        for place in (0, 1):
            self.latent[place] = self._rounded(place, self.latent[place])
        self.begin = [tensor.clone() for tensor in self.latent[:2]]
        self.kept = torch.ones(hidden, segments, len(pieces), width, width)
        self.inserted = torch.zeros_like(self.kept)
        entries = width * width
        for matrix in range(min(KEYED_MATRICES, hidden)):
            for segment in range(segments):
                for secret in range(1, len(pieces)):
                    drawn = rng.permutation(entries)[: round(KEYED_RATIO * entries)]
                    values = rng.normal(0, KEYED_GAIN * math.sqrt(1 / width), len(drawn))
                    own = self.inserted[matrix, segment, secret].view(-1)
                    own[drawn] = torch.from_numpy(values.astype(np.float32))
                    self.kept[matrix, segment, secret].view(-1)[drawn] = 0
        for tensor in self.latent:
            tensor.requires_grad_()

    def _rounded(self, place: int, tensor: Tensor) -> Tensor:
        return (tensor / self.lattice[place]).round() * self.lattice[place]

    def seen(self) -> list[Tensor]:
        """The weights on the lattice; gradients pass straight through."""
        return [
            tensor + (self._rounded(place, tensor) - tensor).detach()
            for place, tensor in enumerate(self.latent)
        ]

    def outputs(self, weights: Sequence[Tensor], times: Tensor) -> Tensor:
        """Evaluate functions.

        Args:
            weights: shared.
            times: (T, F, points), in [-1, 1].

        Returns:
            (T, F, channels, points).
        """
        first, bias, hidden, biases, last, last_bias = weights
        segments, functions, points = times.shape

        def each(tensor: Tensor) -> Tensor:
            return tensor.repeat_interleave(functions, 0)

        flat = times.reshape(-1, 1, points)
        layer = torch.sin(torch.baddbmm(each(bias)[..., None], each(first), flat))
        for matrix, offset, kept, inserted in zip(
            hidden,
            biases,
            self.kept[:, :, :functions],
            self.inserted[:, :, :functions],
            strict=True,
        ):
            own = torch.addcmul(inserted, kept, matrix[:, None]).flatten(0, 1)
            layer = torch.sin(torch.baddbmm(each(offset)[..., None], own, layer))
        result = torch.baddbmm(each(last_bias)[..., None], each(last), layer)
        return result.view(segments, functions, -1, points)

    def train(self, rng: torch.Generator) -> None:
        """Both stages: the cover alone, then all together on the lattice."""
        self._stage(FAST.cover, 1, rng)
        self._stage(replace(FAST.joint, steps=self.settings.steps), len(self.pieces), rng)

    def _stage(self, phase: Phase, functions: int, rng: torch.Generator) -> None:
        rounded = phase is not FAST.cover
        first, bias, hidden, biases, last, last_bias = (tensor.data for tensor in self.latent)
        muon = Muon(
            hidden, torch.ones_like(hidden), rate=FAST.rate, momentum=FAST.momentum,
            tilt=FAST.tilt, decay=FAST.decay if rounded else 0.0,
        )  # fmt: skip
        betas = FAST.adam_betas
        others = Adam([first, bias, biases, last_bias], rate=FAST.adam_rate, betas=betas)
        lasts = Adam([last], rate=FAST.last_rate, betas=betas)
        longest = self.pieces[0].samples.shape[1]
        for step in range(phase.steps):
            progress = step / phase.steps
            points = max(8, round(phase.share_at(progress) * longest))
            times, wanted = self._batch(functions, points, rng)
            weights = self.seen() if rounded else self.latent
            loss = (self.outputs(weights, times) - wanted).square().mean((1, 2, 3)).sum()
            gradients = torch.autograd.grad(loss, self.latent)
            g_first, g_bias, g_hidden, g_biases, g_last, g_last_bias = gradients
            scale = torch.tensor(phase.rate_at(progress))
            with torch.no_grad():
                muon.step([g_hidden], scale)
                others.step([g_first, g_bias, g_biases, g_last_bias], scale)
                lasts.step([g_last], scale)

    def _batch(self, functions: int, points: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """One sample from each of some stretches of equal length, of every segment."""
        times, wanted = [], []
        for piece in self.pieces[:functions]:
            strata = torch.arange(points) + torch.rand(len(piece.sizes), points, generator=rng)
            index = (strata * (piece.sizes[:, None] / points)).long()
            index = torch.minimum(index, piece.sizes[:, None] - 1)
            times.append((2 * index + 1) / piece.sizes[:, None] - 1)
            channels = piece.samples.shape[2]
            taken = piece.samples.gather(1, index[..., None].expand(-1, -1, channels))
            wanted.append(taken.transpose(1, 2))
        return torch.stack(times, 1), torch.stack(wanted, 1)

    def codes(self) -> list[npt.NDArray[np.int16]]:
        """What a carrier would hold, in the order of its format."""
        with torch.no_grad():
            moved = [
                tensor - start for tensor, start in zip(self.latent[:2], self.begin, strict=True)
            ] + self.latent[2:]
            first, bias, hidden, biases, last, last_bias = (
                (tensor / step).round().to(torch.int16).numpy()
                for tensor, step in zip(moved, self.lattice, strict=True)
            )
        inner = [part for pair in zip(hidden, biases, strict=True) for part in pair]
        return [first, bias, *inner, last, last_bias]

    @torch.no_grad()
    def renders(self) -> list[npt.NDArray[np.float32]]:
        """Each sound as the rounded functions give it: (samples, channels)."""
        sizes = torch.stack([piece.sizes for piece in self.pieces], 1)[..., None]
        longest = self.pieces[0].samples.shape[1]
        times = (2 * torch.arange(longest) + 1) / sizes - 1
        given = self.outputs(self.seen(), times).numpy()
        sounds = []
        for place, piece in enumerate(self.pieces):
            total = int(piece.sizes.sum())
            sound = np.zeros((total, given.shape[2]), np.float32)
            for segment, (start, size) in enumerate(
                zip(piece.starts.tolist(), piece.sizes.tolist(), strict=True)
            ):
                sound[start : start + size] = given[segment, place, :, :size].T
            sounds.append(sound)
        return sounds


def read(clip: Clip, root: Path) -> tuple[Sound, int]:
    """Read a clip: samples of 16 bits, and the sampling rate."""
    path = root / "usr/share" / clip.file
    sound, rate = soundfile.read(path, dtype="int16", always_2d=True)
    start = round(clip.start * rate)
    return sound[start : start + round(clip.seconds * rate)], rate


def power(sound: npt.NDArray[Any]) -> float:
    """Mean square."""
    return float(np.square(sound.astype(np.float64)).mean())


def snr(sound: Sound, shown: Sound) -> float:
    """Signal-to-noise ratio in dB."""
    return 10 * math.log10(power(sound) / power(sound.astype(np.int32) - shown))


def flac(sound: Sound, rate: int) -> int:
    """Bytes of a FLAC file at its highest level."""
    file = io.BytesIO()
    soundfile.write(file, sound, rate, format="FLAC", subtype="PCM_16", compression_level=1.0)
    return len(file.getvalue())


def flac_at(sound: Sound, rate: int, decibels: float) -> int:
    """Bytes of a FLAC file of samples that are rounded as coarsely as an SNR allows."""
    step = math.sqrt(12 * power(sound) / 10 ** (decibels / 10))
    return flac(np.rint(sound / step).astype(np.int16), rate)


def spectra(sound: Sound, rate: int) -> Iterator[npt.NDArray[np.float64]]:
    """Spectral envelopes of 32 ms each, by linear prediction of order 32."""
    size = round(0.032 * rate) // 2 * 2
    window = np.hanning(size + 1)[:size]
    window /= math.sqrt(np.square(window).mean())
    for channel in sound.T.astype(np.float64):
        for start in range(0, len(channel) - size, size // 2):
            frame = channel[start : start + size] * window
            lags = np.fft.irfft(np.abs(np.fft.rfft(frame, 2 * size)) ** 2)[:33] / size
            if lags[0] < 1e-3:
                yield np.zeros(513)
                continue
            lags[0] *= 1 + 1e-7
            taps = solve_toeplitz(lags[:32], lags[1:])
            whitened = np.fft.rfft(np.concatenate([[1.0], -taps]), 1024)
            yield (lags[0] - taps @ lags[1:]) / np.abs(whitened) ** 2


def needed(sound: Sound, rate: int, decibels: float) -> float:
    """Bits a sample that no coder goes below at an SNR, if frames are Gaussian (water-filling)."""
    noise = power(sound) / 10 ** (decibels / 10)
    frames = [
        np.maximum(0, np.log2(np.maximum(spectrum, 1e-9) / noise) / 2).mean()
        for spectrum in spectra(sound, rate)
    ]
    return float(np.mean(frames))


def log_spectral_distance(sound: Sound, shown: Sound, rate: int) -> float:
    """Root mean square of the difference of two spectra in dB, mean over frames of 32 ms.

    What lies below the noise of 16 bits counts as equal.
    """
    size = round(0.032 * rate) // 2 * 2
    window = np.hanning(size)

    def decibels(samples: Sound) -> npt.NDArray[np.float64]:
        frames = np.lib.stride_tricks.sliding_window_view(samples.T.astype(float), size, axis=-1)
        squares = np.abs(np.fft.rfft(frames[:, :: size // 2] * window)) ** 2
        floor = np.square(window).sum() / 12
        levels: npt.NDArray[np.float64] = 10 * np.log10(np.maximum(squares, floor))
        return levels

    difference = decibels(sound) - decibels(shown)
    return float(np.sqrt(np.square(difference).mean(-1)).mean())


def sized(size: float, sound: Sound, settings: Settings) -> tuple[int, Settings]:
    """Cut a sound so that its codes take so many bytes, about.

    Returns:
        How many segments there are, and settings with the lattice that uses up the rest.
    """
    width, channels = settings.width, sound.shape[1]
    weights = width * (width + 1) * (settings.layers - 1) + width * (2 + channels) + channels
    count = max(1, int(8 * size / weights / _BITS_A_WEIGHT))
    finer = 8 * size / weights / count - _BITS_A_WEIGHT
    return count, replace(settings, coarseness=settings.coarseness * 2**-finer)


def fit(
    sounds: Sequence[Sound], rate: int, count: int, settings: Settings, seed: int = 0
) -> dict[str, Any]:
    """Train functions for a cover and secrets, and measure what a carrier of them would be.

    Args:
        sounds: of one shape; the cover first.
        rate: samples a second.
        count: of segments.
        settings: of the functions.
        seed: of everything that is drawn.
    """
    rng = np.random.default_rng(seed)
    scales = [settings.level / math.sqrt(power(sound)) for sound in sounds]
    orders = [np.zeros(0, np.int64), *(rng.permutation(count) for _ in sounds[1:])]
    pieces = [
        cut(sound * scale, count, order)
        for sound, scale, order in zip(sounds, scales, orders, strict=True)
    ]
    began = time.process_time()
    functions = Functions(settings, rate, pieces, rng)
    functions.train(torch.Generator().manual_seed(seed))
    seconds = time.process_time() - began
    codes = functions.codes()
    coded = encode(codes)
    back = decode(np.frombuffer(coded, np.uint8), [part.size for part in codes], "sound")
    if not np.array_equal(
        np.concatenate([piece.codes for piece in back]),
        np.concatenate([part.reshape(-1) for part in codes]),
    ):
        raise RuntimeError("codes do not come back")
    shown = [
        np.clip(np.rint(render / scale), -32768, 32767).astype(np.int16)
        for render, scale in zip(functions.renders(), scales, strict=True)
    ]
    return {
        "snr": [snr(*pair) for pair in zip(sounds, shown, strict=True)],
        "distance": [
            log_spectral_distance(*pair, rate) for pair in zip(sounds, shown, strict=True)
        ],
        "bytes": len(coded),
        "bits": 8 * len(coded) / sounds[0].size,
        "weights": sum(part.size for part in codes) / sounds[0].size,
        "seconds": seconds,
    }


def as_picture(sound: Sound, rate: int, size: float, steps: int) -> dict[str, Any]:
    """Measure the engine as it is, on a sound that is folded into a picture of 8 bits.

    Each channel of the picture is a third of the time, in rows that run to and fro.
    """
    width = 32 * max(1, round(math.sqrt(len(sound) / 3) / 32))
    height = len(sound) // (3 * width)
    flat = sound[: 3 * width * height, 0].astype(np.float64)
    scale = 127 / np.abs(flat).max()
    planes = np.rint(flat * scale + 128).astype(np.uint8).reshape(3, height, width)
    planes[:, 1::2] = planes[:, 1::2, ::-1]
    bits = 8 * size / (height * width)
    recipe = replace(FAST, bits=bits, functions=0, lock=None).with_steps(steps)
    stego = fit_picture(planes.transpose(1, 2, 0), recipe=recipe, options=Options(seed=0))

    def unfolded(picture: npt.NDArray[np.uint8]) -> Sound:
        back = picture.copy()
        back[:, 1::2] = back[:, 1::2, ::-1]
        values = np.rint((back.reshape(-1, 1).astype(np.float64) - 128) / scale)
        result: Sound = values.clip(-32768, 32767).astype(np.int16)
        return result

    own, shown = (
        flat[:, None].astype(np.int16),
        render_uint8(stego, (height, width)).transpose(2, 0, 1),
    )
    return {
        "snr": [snr(own, unfolded(shown))],
        "at most": snr(own, unfolded(planes)),
        "distance": [log_spectral_distance(own, unfolded(shown), rate)],
        "bytes": len(dumps(stego)),
    }


def rows(work: Work, root: Path, settings: Settings) -> Iterator[dict[str, Any]]:
    """Measure one cover: alone in the bytes of its FLAC, with a secret in those and in both's."""
    cover, rate = read(work.cover, root)
    secret, _ = read(work.secret, root)
    shortest = min(len(cover), len(secret))
    sounds = [cover[:shortest], secret[:shortest]]
    files = [flac(sound, rate) for sound in sounds]
    for held, size, name in (
        (1, files[0], "alone, its FLAC"),
        (2, files[0], "with a secret, one FLAC"),
        (2, sum(files), "with a secret, two FLACs"),
    ):
        own = sounds[:held]
        count, finer = sized(_ROOM * size, own[0], settings)
        theory = sum(needed(sound, rate, work.decibels) for sound in own)
        coarse = sum(flac_at(sound, rate, work.decibels) for sound in own)
        yield {
            "work": work.name,
            "what": name,
            "asked": work.decibels,
            "samples": own[0].size,
            "segments": count,
            "coarseness": finer.coarseness,
            "allowed": 8 * size / own[0].size,
            "predicted": _OF_PICTURES * theory,
            "water-filling": theory,
            "coarse FLAC": 8 * coarse / own[0].size,
            **fit(own, rate, count, finer),
        }


def table(measured: Sequence[dict[str, Any]]) -> str:
    """Markdown of rows; sizes are in bits for each sample of the cover."""
    head = (
        "cover", "what, no larger than", "bits allowed", "bits", "predicted", "water-filling",
        "FLAC at the SNR", "SNR", "asked", "log-spectral distance", "CPU s",
    )  # fmt: skip
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for row in measured:
        numbers = ("allowed", "bits", "predicted", "water-filling", "coarse FLAC")
        cells = [row["work"], row["what"], *(f"{row[name]:.2f}" for name in numbers)]
        cells += [" / ".join(f"{value:.1f}" for value in row["snr"]), f"{row['asked']:.0f}"]
        cells += [" / ".join(f"{value:.1f}" for value in row["distance"]), f"{row['seconds']:.0f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Measure, print and write."""
    usual = Settings()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, default=Path("/"))
    parser.add_argument("--only", default="", help="covers whose name has this in it")
    for name in ("steps", "width", "layers"):
        parser.add_argument(f"--{name}", type=int, default=getattr(usual, name))
    for name in ("reach", "coarseness", "level"):
        parser.add_argument(f"--{name}", type=float, default=getattr(usual, name))
    parser.add_argument("--as-picture", action="store_true", help="by the engine as it is instead")
    parser.add_argument("-o", "--output", type=Path, default=HERE / "results")
    given = parser.parse_args()
    settings = Settings(**{name: getattr(given, name) for name in vars(usual)})
    measured = []
    for work in WORKS:
        if given.only not in work.name:
            continue
        if given.as_picture:
            cover, rate = read(work.cover, given.root)
            row = as_picture(cover, rate, flac(cover, rate), given.steps)
            print(json.dumps({"work": work.name, **row}))
        else:
            for row in rows(work, given.root, settings):
                measured.append(row)
                print(json.dumps(row), flush=True)
    if given.as_picture:
        return
    print(table(measured))
    given.output.mkdir(parents=True, exist_ok=True)
    (given.output / "sound.json").write_text(json.dumps(measured, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
