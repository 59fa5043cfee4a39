"""What is shown of a comparison: tables, a contact sheet, and a line of CSV a picture."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from itertools import groupby

import numpy as np

from sirensong.lab.compare.contenders import Absence
from sirensong.lab.compare.entries import CAPACITY, EQUAL_BITS, FULL, QUALITY, SMALL
from sirensong.lab.compare.measures import SHOWN
from sirensong.lab.compare.summary import (
    RAW_BITS,
    Summary,
    entry_of,
    mean_text,
    summaries,
    with_interval,
)
from sirensong.lab.reproduce.study import PictureGrid, Record, Results, Table
from sirensong.pictures import sheet

_GROUPS = {
    FULL: "built here, full",
    SMALL: "built here, small",
}
_METRICS = {"psnr": "PSNR", "luma": "PSNR of Y", "ssim": "SSIM", "rmse": "RMSE", "mae": "MAE"}
_COLUMNS = ("data set", "set", "scheme", "variant", "secrets", "picture")
_COSTS = {
    "bytes": "bytes",
    "sender": "sender s",
    "receiver": "receiver s",
    "memory": "memory MB",
    "decoder": "decoder bytes",
    "side information": "side information bytes",
    "key bits": "key bits",
    "eavesdropper": "eavesdropper PSNR",
    "recipient": "other recipient PSNR",
}
_QUALITY_NOTES = (
    "Mean over sets [95 % interval, bootstrap]; n is the number of sets. Set i has picture i as "
    "its cover and the next ones as secrets. Files are written, read back and compared in 8 bits.",
    "PSNR is of RGB. PSNR of Y is of luma from 16 to 235 with peak 255, as DeepMIH's tables have "
    "it.",
)
_GROUP_NOTES = {
    FULL: "Full: as large as its authors describe it, or with nothing to make small.",
    SMALL: "Small: fewer or narrower layers than its authors', and a short training. These are not "
    "its authors' numbers.",
}
_COST_NOTES = (
    "Training: of the weights that sender and receiver share. Sender: to hide one set; receiver: "
    "to reveal one secret, once libraries are loaded. Memory: the most that the process had in "
    "use, libraries and all.",
    "Decoder: what every receiver holds before the first file. Side information: what is sent "
    "besides file and key, in bytes a secret.",
    "Eavesdropper: PSNR of secret 1 for who has the public decoder and no key (a random one where "
    "one must be given). Other recipient: the same with the key of secret 2. Of two unrelated "
    "photographs of COCO or DIV2K nine in ten pairs have 6 to 12 dB.",
)


def quality_tables(records: Sequence[Record]) -> list[Table]:
    """Quality, and cost, of two secrets: a table a data set and group."""
    tables = []
    for title, own in _by_group(summaries(records, QUALITY)):
        tables.append(_quality(f"Quality: {title}", own))
        tables.append(_cost(f"Cost and secrecy: {title}", own))
    return tables


def equal_bits_tables(records: Sequence[Record]) -> list[Table]:
    """Schemes at the same bits a pixel of the cover: a table a data set, group and rate."""
    return [
        _equal_bits(f"{bits} carrier bits a pixel: {title}", chosen)
        for title, own in _by_group(summaries(records, QUALITY))
        for bits, names in EQUAL_BITS.items()
        if (
            chosen := [
                one
                for one in own
                if one.entry.name in names or (one.is_picture and bits == RAW_BITS)
            ]
        )
    ]


def capacity_tables(records: Sequence[Record]) -> list[Table]:
    """More and more secrets: a table a data set and group."""
    order = sorted(CAPACITY, key=lambda entry: entry.secrets)
    return [
        _capacity(f"Capacity: {title}", own) for title, own in _by_group(summaries(records, order))
    ]


def absence_table(absent: Iterable[Absence], records: Iterable[Record]) -> Table:
    """All that was not run, or refused a set of pictures, with the reason."""
    cells = [
        [one.entry.scheme, one.entry.variant, str(one.entry.secrets), "all", one.reason]
        for one in absent
    ]
    failed = [record for record in records if "failed" in record]
    for (entry, reason), own in groupby(
        failed, lambda record: (entry_of(record), record["failed"])
    ):
        sets = ", ".join(f"{record['set']} {record['index']}" for record in own)
        cells.append([entry.scheme, entry.variant, str(entry.secrets), sets, reason])
    return Table("Not run", ("scheme", "variant", "secrets", "sets", "why"), cells)


def grids(results: Results) -> list[PictureGrid]:
    """One set of pictures for each scheme, a contact sheet a data set."""
    columns = ["cover", "stego"]
    for place in range(1, SHOWN + 1):
        columns += [f"secret {place}", f"revealed {place}"]
    rows: dict[str, list[sheet.Row]] = {}
    quality = set(QUALITY)
    for record in results.records:
        if "pictures" in record and entry_of(record) in quality:
            strip = results.read_picture(record["pictures"])
            own = np.hsplit(strip, strip.shape[1] // strip.shape[0])
            psnr = " / ".join(f"{image['psnr']:.1f}" for image in record["images"])
            caption = f"{record['title']}, {record['variant']}: {psnr} dB"
            rows.setdefault(record["set"], []).append(sheet.Row(caption, own))
    return [PictureGrid(f"Pictures of {name}", columns, own) for name, own in rows.items()]


def pictures_csv(records: Iterable[Record]) -> str:
    """A line for each picture: what it is, how good it is, and what its set took.

    An empty place means that there is no such number, or no picture.
    """
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([*_COLUMNS, *_METRICS.values(), *_COSTS.values()])
    for record in records:
        names = [record[name] for name in ("set", "index", "scheme", "variant", "secrets")]
        costs = [record.get(name) for name in _COSTS]
        for place, image in enumerate(record.get("images", ())):
            picture = f"secret {place}" if place else "stego"
            writer.writerow([*names, picture, *(image[name] for name in _METRICS), *costs])
    return file.getvalue()


def _by_group(found: Sequence[Summary]) -> list[tuple[str, list[Summary]]]:
    """Summaries that may stand in one table, with the data set and what group they are of."""
    keys = dict.fromkeys((one.data_set, group) for one in found for group in _GROUPS)
    tables = {
        f"{data_set}, {_GROUPS[group]}": [
            one for one in found if (one.data_set, one.entry.group) == (data_set, group)
        ]
        for data_set, group in keys
    }
    return [(title, own) for title, own in tables.items() if own]


def _quality(title: str, own: Sequence[Summary]) -> Table:
    cells = [
        [one.label, one.count, name, *_quality_cells(images)]
        for one in own
        for name, images in one.pictures.items()
    ]
    columns = ("scheme", "n", "picture", *_METRICS.values())
    return Table(title, columns, cells, [_GROUP_NOTES[own[0].entry.group], *_QUALITY_NOTES])


def _quality_cells(images: Sequence[Record]) -> list[str]:
    """All measures of a picture, from its measures in each set."""
    columns = {name: [image[name] for image in images] for name in _METRICS}
    return [
        with_interval(columns["psnr"]),
        with_interval(columns["luma"]),
        mean_text(columns["ssim"], ".4f"),
        mean_text(columns["rmse"]),
        mean_text(columns["mae"]),
    ]


def _cost(title: str, own: Sequence[Summary]) -> Table:
    columns = (
        "scheme",
        "secrets",
        "n",
        "training",
        "bits a pixel",
        "sender s",
        "receiver s",
        "memory MB",
        "decoder MB",
        "side information",
        "key bits",
        "eavesdropper",
        "other recipient",
    )
    cells = [
        [
            one.label,
            str(one.entry.secrets),
            one.count,
            one.records[0]["training"] or "none",
            one.file_bits,
            one.cell(lambda record: record["sender"], ".2f"),
            one.cell(lambda record: record["receiver"], ".2f"),
            one.cell(lambda record: record["memory"], ".0f"),
            one.cell(lambda record: record["decoder"] / 1e6, ".2f"),
            one.cell(lambda record: record["side information"], ".0f"),
            one.cell(lambda record: record["key bits"], ".0f"),
            one.stranger_cell("eavesdropper"),
            one.stranger_cell("recipient"),
        ]
        for one in own
    ]
    return Table(title, columns, cells, _COST_NOTES)


def _equal_bits(title: str, own: Sequence[Summary]) -> Table:
    columns = ("scheme", "secrets", "n", "raw bits", "bits of the file", *_PAIRS, "key bits")
    cells = [
        [
            one.label,
            str(one.entry.secrets),
            one.count,
            one.raw_bits,
            one.file_bits,
            *_pairs(one),
            one.cell(lambda record: record["key bits"], ".0f"),
        ]
        for one in own
    ]
    notes = ["PSNR of RGB / of Y. A picture has 24 raw bits a pixel; its PNG file has fewer."]
    return Table(title, columns, cells, notes)


def _capacity(title: str, own: Sequence[Summary]) -> Table:
    columns = ("secrets", "scheme", "n", "bits a pixel", *_PAIRS)
    cells = [
        [str(one.entry.secrets), one.label, one.count, one.raw_bits, *_pairs(one)] for one in own
    ]
    notes = [
        "PSNR of RGB / of Y. A picture counts with its 24 raw bits a pixel. The worst secret of a "
        "set is the one with the lowest PSNR of RGB."
    ]
    return Table(title, columns, cells, notes)


_PAIRS = ("stego", "secrets, mean", "worst secret")


def _pairs(one: Summary) -> list[str]:
    """PSNR of RGB and of Y of the stego picture, the mean secret and the worst secret."""
    return [
        " / ".join(mean_text([image[name] for image in images]) for name in ("psnr", "luma"))
        for images in (one.pictures["stego"], one.mean_secret, one.worst)
    ]
