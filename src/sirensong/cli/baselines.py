"""sirensong baseline: the other schemes of the paper's Table 4, each with the same verbs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from sirensong.cli.arguments import RUNNING, Output, Overwrite, Quiet, open_picture
from sirensong.cli.console import counting, err, out
from sirensong.cli.paths import refuse_same
from sirensong.cli.running import stoppable
from sirensong.errors import NoPictureError, SettingError, StoppedError
from sirensong.files import file_errors, read_bytes, refuse_existing, write_bytes
from sirensong.keys.secret import SecretKey, read_key
from sirensong.lab.baselines.catalogue import NAMES, find_class, open_method
from sirensong.lab.baselines.method import Method
from sirensong.pictures.image import RGB
from sirensong.pictures.writing import encode_picture

if TYPE_CHECKING:
    from sirensong.lab.baselines.networks.training import Progress

app = typer.Typer(
    help="Hide pictures by other schemes: those of the paper's Table 4.", no_args_is_help=True
)

_LARGEST_FILE = 2**31

Name = Annotated[str, typer.Argument(metavar="METHOD", show_default=False, help=", ".join(NAMES))]
Variant = Annotated[
    str | None,
    typer.Option("--variant", help="of the method: `baseline list`", show_default="the first"),
]
Weights = Annotated[
    Path | None,
    typer.Option("--weights", help="file of `baseline train`, for trained methods"),
]
Keys = Annotated[
    list[Path] | None,
    typer.Option(
        "--key",
        help="key file of `sirensong keygen`, for methods with keys, a secret each in order",
    ),
]


@app.command(name="list")
def show() -> None:
    """List the methods and their variants."""
    table = Table(box=None, pad_edge=False)
    for column in ("method", "scheme", "variants", "file", "secrets", "trained"):
        table.add_column(column, overflow="fold")
    for name in NAMES:
        kind = find_class(name)
        secrets = f"1 to {kind.most}" if kind.most > 1 else "1"
        variants = ", ".join(kind.variants)
        trained = "yes" if kind.trained else "no"
        table.add_row(name, *map(escape, (kind.title, variants, kind.ending, secrets, trained)))
    out.print(table)


@app.command()
def train(
    name: Name,
    output: Output,
    photographs: Annotated[
        list[Path],
        typer.Option("--photographs", help="folder of pictures to train on", show_default=False),
    ],
    variant: Variant = None,
    secrets: Annotated[
        int | None,
        typer.Option(
            "--secrets", min=1, help="pictures that each file hides", show_default="2, or 1"
        ),
    ] = None,
    minutes: Annotated[
        float, typer.Option("--minutes", help="of work of one thread, or of a GPU")
    ] = 60.0,
    batch: Annotated[
        int, typer.Option("--batch", min=1, help="sets of pictures a step", rich_help_panel=RUNNING)
    ] = 2,
    seed: Annotated[
        int, typer.Option("--seed", min=0, help="of start and crops", rich_help_panel=RUNNING)
    ] = 0,
    threads: Annotated[
        int, typer.Option("--threads", min=1, help="of the processor", rich_help_panel=RUNNING)
    ] = 1,
    device: Annotated[
        str, typer.Option("--device", metavar="auto|cpu|cuda", rich_help_panel=RUNNING)
    ] = "auto",
    overwrite: Overwrite = False,
    quiet: Quiet = False,  # noqa: ARG001
) -> None:
    """Train a method's networks. The same command goes on with a run that was stopped."""
    from sirensong.lab.baselines.networks.crops import Crops
    from sirensong.lab.baselines.networks.method import NetworkMethod
    from sirensong.lab.baselines.networks.training import Budget
    from sirensong.training.device import find_device

    if not 0 < minutes <= 1e5:
        raise SettingError(f"the minutes must be above 0 and at most 100000, got {minutes:g}")
    method = open_method(name, variant, secrets)
    if not isinstance(method, NetworkMethod):
        raise SettingError(f"{name} has nothing to train")
    refuse_existing(output, overwrite=overwrite)
    crops = Crops(photographs)
    budget = Budget(minutes, batch, seed, threads, find_device(device).type)
    started = time.monotonic()
    with _watched(f"{name} {method.variant}: minutes", minutes, output) as tell:
        progress = method.train(crops, budget, output, overwrite=overwrite, tell=tell)
    err.print(
        f"{output}: {output.stat().st_size / 1e6:.2f} MB, {progress.steps} steps of {batch} sets "
        f"({time.monotonic() - started:.0f} s)",
        markup=False,
    )


@contextmanager
def _watched(what: str, minutes: float, output: Path) -> Iterator[Callable[[Progress], None]]:
    """Show how far a training is, and end it if the user wants that."""
    with counting() as advance, stoppable() as stopped:

        def tell(progress: Progress) -> None:
            advance(what, min(int(progress.minutes), int(minutes)), int(minutes))
            if stopped():
                raise StoppedError(
                    f"interrupted after {progress.minutes:.1f} minutes: what was reached is kept "
                    f"in {output}.part",
                    hint="the same command goes on from there",
                )

        yield tell


@app.command()
def hide(
    name: Name,
    cover: Annotated[Path, typer.Argument(help="the cover picture", show_default=False)],
    secret: Annotated[
        list[Path], typer.Option("--secret", help="a picture to hide", show_default=False)
    ],
    output: Output,
    key: Keys = None,
    variant: Variant = None,
    weights: Weights = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,  # noqa: ARG001
) -> None:
    """Hide pictures of one size in a picture, each with its key where the method has keys."""
    read = [("a secret", path) for path in secret] + [("a key", path) for path in key or ()]
    read += [("the cover", cover)] + [("the weights", path) for path in [weights] if path]
    refuse_same([("the output", output)], read)
    method = open_method(name, variant, len(secret), weights)
    if output.suffix != method.ending:
        got = output.suffix or "no ending"
        raise SettingError(f"files of {name} end in {method.ending}, got {got}")
    refuse_existing(output, overwrite=overwrite)
    pictures = [open_picture(path).rgb for path in (cover, *secret)]
    file = method.hide(pictures[0], pictures[1:], [read_key(path) for path in key or ()])
    write_bytes(output, file, overwrite=overwrite)
    bits = 8 * len(file) / (pictures[0].shape[0] * pictures[0].shape[1])
    out.print(f"{output}: {len(file)} bytes, {bits:.1f} bits a pixel", markup=False)


@app.command()
def reveal(
    name: Name,
    stego: Annotated[Path, typer.Argument(help="a file of `baseline hide`", show_default=False)],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="folder for the pictures", show_default=False)
    ],
    key: Keys = None,
    secrets: Annotated[
        int | None,
        typer.Option("--secrets", min=1, help="pictures in the file", show_default="2, or 1"),
    ] = None,
    variant: Variant = None,
    weights: Weights = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,  # noqa: ARG001
) -> None:
    """Reveal what a file hides: cover.png, and secret-1.png and so on, or one a key."""
    method, keys = open_method(name, variant, secrets, weights), key or []
    if method.keyed and not keys:
        raise SettingError(f"{name} reveals with a key", hint="--key KEY, once for each key")
    if keys and not method.keyed:
        raise SettingError(f"{name} has no keys")
    own = [path.stem for path in keys] or [f"secret-{n + 1}" for n in range(method.secrets)]
    paths = [output / f"{stem}.png" for stem in ("cover", *own)]
    if len(set(paths)) < len(paths):
        raise SettingError(f"two pictures would be {max(paths, key=paths.count)}")
    read = [("the stego file", stego), *(("a key", path) for path in keys)]
    refuse_same([("a picture", path) for path in paths], read)
    file = read_bytes(stego, cap=_LARGEST_FILE, what=f"a file of {name}")
    found = [method.view(file)]
    found += [_found(method, file, place, read_key(path)) for place, path in enumerate(keys)]
    if not method.keyed:
        found += [method.reveal(file, index) for index in range(method.secrets)]
    with file_errors("make", output):
        output.mkdir(parents=True, exist_ok=True)
    for path in paths:
        refuse_existing(path, overwrite=overwrite)
    for path, picture in zip(paths, found, strict=True):
        data = encode_picture(picture, path)
        write_bytes(path, data, overwrite=overwrite, secret=path != paths[0])
        out.print(f"{path}: {picture.shape[1]}x{picture.shape[0]}", markup=False)


def _found(method: Method, file: bytes, place: int, key: SecretKey) -> RGB:
    """What a key reveals: the secret of its place among the keys given, or another if not that."""
    if place >= method.secrets:
        return method.find(file, key)
    try:
        return method.reveal(file, place, key)
    except NoPictureError:
        return method.find(file, key)
