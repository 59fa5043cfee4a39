"""Tables, contact sheets and CSV from made-up results; what others have printed."""

import csv
import io

import numpy as np
import pytest

from sirensong.errors import SettingError
from sirensong.lab.baselines.catalogue import find_class
from sirensong.lab.baselines.functions.method import FrozenParts
from sirensong.lab.compare import published, tables
from sirensong.lab.compare.contenders import Absence
from sirensong.lab.compare.entries import ENTRIES, QUALITY, Entry, choose
from sirensong.lab.compare.summary import Summary, with_interval
from sirensong.lab.reproduce.study import Results
from sirensong.pictures.writing import write_picture


def image(psnr):
    return {"psnr": psnr, "luma": psnr + 2, "ssim": psnr / 100, "rmse": 100 - psnr, "mae": 1.5}


def record(scheme, variant, psnr, index=0, data_set="coco", **others):
    found = {
        "kind": "pictures",
        "set": data_set,
        "index": index,
        "scheme": scheme,
        "variant": variant,
        "secrets": len(psnr) - 1,
        "weights": None,
        "title": scheme.upper(),
        "ending": ".png",
        "training": None,
        "bytes": 150,
        "pixels": 100,
        "sender": 1.25,
        "receiver": 0.5,
        "memory": 123.4,
        "decoder": 2_500_000,
        "side information": 3,
        "key bits": 0,
        "images": [image(value) for value in psnr],
        "eavesdropper": psnr[1],
        "recipient": psnr[1],
    }
    return found | others


def test_quality_and_cost_cell_by_cell():
    records = [
        record("isn", "small", (40.0, 30.0, 20.0), training="60 of one cpu"),
        record("isn", "small", (40.0, 32.0, 21.0), index=1, training="60 of one cpu", sender=1.75),
    ]
    quality, cost = tables.quality_tables(records)
    assert quality.title == "Quality: coco, built here, small"
    assert quality.rows == [
        [
            "ISN, small",
            "2",
            "stego",
            "40.00 [40.00, 40.00]",
            "42.00 [42.00, 42.00]",
            "0.4000",
            "60.00",
            "1.50",
        ],
        [
            "ISN, small",
            "2",
            "secret 1",
            "31.00 [30.00, 32.00]",
            "33.00 [32.00, 34.00]",
            "0.3100",
            "69.00",
            "1.50",
        ],
        [
            "ISN, small",
            "2",
            "secret 2",
            "20.50 [20.00, 21.00]",
            "22.50 [22.00, 23.00]",
            "0.2050",
            "79.50",
            "1.50",
        ],
    ]
    assert cost.rows == [
        [
            "ISN, small",
            "2",
            "2",
            "60 of one cpu",
            "12.0",
            "1.50",
            "0.50",
            "123",
            "2.50",
            "3",
            "0",
            "31.0",
            "31.0",
        ]
    ]
    assert all(len(row) == len(table.columns) for table in (quality, cost) for row in table.rows)


def test_groups_and_data_sets_are_never_in_one_table():
    records = [
        record(scheme, variant, (40.0, 30.0, 20.0), data_set=data_set)
        for data_set in ("coco", "div2k")
        for scheme, variant in (("isn", "small"), ("isn", "full"), ("lsb", "plain"))
    ]
    found = tables.quality_tables(records)
    assert [(table.title, [row[0] for row in table.rows]) for table in found[::2]] == [
        (f"Quality: {data_set}, built here, {group}", [name for name in names for _ in range(3)])
        for data_set in ("coco", "div2k")
        for group, names in (("full", ("LSB, plain", "ISN, full")), ("small", ("ISN, small",)))
    ]


def test_who_has_no_key_sees_nothing_or_how_much():
    nothing = record("lsb", "plain", (40.0, 30.0, 20.0), eavesdropper=None, recipient=8.0)
    some = nothing | {"index": 1, "recipient": None}
    alone = {key: value for key, value in nothing.items() if key != "recipient"}
    assert tables.quality_tables([nothing, some])[1].rows[0][-2:] == [
        "nothing",
        "8.0 (nothing in 1 sets)",
    ]
    assert tables.quality_tables([alone])[1].rows[0][-1] == "-"


def test_equal_bits_count_a_pictures_raw_bits():
    ours = record("stegainr4mih", "24bpp", (41.0, 31.0, 21.0), ending=".safetensors", bytes=290)
    less = ours | {"variant": "12bpp", "bytes": 145}
    other = ours | {"variant": "archive"}
    picture = record("isn", "full", (40.0, 30.0, 20.0))
    found = tables.equal_bits_tables([ours, less, other, picture])
    assert [table.title for table in found] == [
        "24 carrier bits a pixel: coco, built here, full",
        "12 carrier bits a pixel: coco, built here, full",
    ]
    assert found[0].rows == [
        [
            "ISN, full",
            "2",
            "1",
            "24",
            "12.0",
            "40.00 / 42.00",
            "25.00 / 27.00",
            "20.00 / 22.00",
            "0",
        ],
        [
            "STEGAINR4MIH, 24bpp",
            "2",
            "1",
            "23.2",
            "23.2",
            "41.00 / 43.00",
            "26.00 / 28.00",
            "21.00 / 23.00",
            "0",
        ],
    ]
    assert [row[0] for row in found[1].rows] == ["STEGAINR4MIH, 12bpp"]


def test_capacity_goes_by_the_number_of_secrets():
    many = record("lsb", "codec4", (35.0, *[30.0] * 15, 22.0))
    few = record("stegainr4mih", "24bpp", (40.0, 30.0, 20.0), ending=".safetensors", bytes=300)
    (table,) = tables.capacity_tables([many, few])
    assert table.rows == [
        [
            "2",
            "STEGAINR4MIH, 24bpp",
            "1",
            "24.0",
            "40.00 / 42.00",
            "25.00 / 27.00",
            "20.00 / 22.00",
        ],
        ["16", "LSB, codec4", "1", "24", "35.00 / 37.00", "29.50 / 31.50", "22.00 / 24.00"],
    ]


def test_what_was_not_run_is_listed_with_the_reason():
    absent = [Absence(Entry("hidden", "full", 2), "no weights w")]
    failed = record("lsb", "codec1", (1.0, 1.0, 1.0)) | {"failed": "too small"}
    table = tables.absence_table(absent, [failed, failed | {"index": 1}])
    assert table.rows == [
        ["hidden", "full", "2", "all", "no weights w"],
        ["lsb", "codec1", "2", "coco 0, coco 1", "too small"],
    ]
    assert tables.quality_tables([failed | {"variant": "plain"}]) == []


def test_a_line_of_csv_a_picture():
    own = record("isn", "small", (40.0, 30.0, 20.0), eavesdropper=None)
    text = tables.pictures_csv([own, own | {"failed": "so", "images": []}])
    lines = list(csv.DictReader(io.StringIO(text)))
    assert [line["picture"] for line in lines] == ["stego", "secret 1", "secret 2"]
    assert lines[2] == {
        "data set": "coco",
        "set": "0",
        "scheme": "isn",
        "variant": "small",
        "secrets": "2",
        "picture": "secret 2",
        "PSNR": "20.0",
        "PSNR of Y": "22.0",
        "SSIM": "0.2",
        "RMSE": "80.0",
        "MAE": "1.5",
        "bytes": "150",
        "sender s": "1.25",
        "receiver s": "0.5",
        "memory MB": "123.4",
        "decoder bytes": "2500000",
        "side information bytes": "3",
        "key bits": "0",
        "eavesdropper PSNR": "",
        "other recipient PSNR": "30.0",
    }


def test_a_contact_sheet_shows_one_set_a_scheme(tmp_path):
    strip = np.hstack([np.full((16, 16, 3), 40 * place, np.uint8) for place in range(6)])
    write_picture(tmp_path / "strip.png", strip, overwrite=False)
    own = record("isn", "small", (40.0, 30.0, 20.0), pictures="strip.png")
    of_capacity = own | {"scheme": "lsb", "variant": "codec4"}
    (grid,) = tables.grids(Results(tmp_path, [own, own | {"pictures": "strip.png"}, of_capacity]))
    assert grid.columns == ["cover", "stego", "secret 1", "revealed 1", "secret 2", "revealed 2"]
    assert [row.caption for row in grid.rows] == ["ISN, small: 40.0 / 30.0 / 20.0 dB"] * 2
    levels = [float(picture.mean()) * 255 for picture in grid.rows[0].pictures]
    assert levels == pytest.approx([0, 40, 80, 120, 160, 200], abs=1e-3)


@pytest.mark.parametrize(
    ("values", "cell"),
    [([31.0], "31.00"), ([30.0, 30.0], "30.00 [30.00, 30.00]"), ([30.0, np.inf], "inf")],
)
def test_a_mean_and_its_interval(values, cell):
    assert with_interval(values) == cell


def test_an_interval_is_about_four_standard_errors_wide():
    values = np.random.default_rng(3).normal(40, 2, 100)
    low, high = with_interval(list(values)).split("[")[1].rstrip("]").split(", ")
    wide = float(high) - float(low)
    assert wide == pytest.approx(2 * 1.96 * values.std() / 10, rel=0.1)


def test_means_leave_out_what_is_not_known():
    own = record("isn", "small", (1.0, 1.0, 1.0))
    summary = Summary(Entry("isn", "small", 2), "coco", [own, own | {"memory": None}])
    assert summary.cell(lambda one: one["memory"]) == "123.4"
    assert (
        Summary(summary.entry, "", [own | {"memory": None}]).cell(lambda one: one["memory"]) == "-"
    )


@pytest.mark.parametrize(
    ("row", "marked"),
    [
        ({"rmse": 5.30, "mae": 6.49}, True),
        ({"rmse": 5.30, "mae": 5.30}, False),
        ({"rmse": 5.30, "mae": 4.00}, False),
        ({"mae": 4.16}, False),
        ({"rmse": 28.7}, False),
    ],
)
def test_a_mean_absolute_error_above_the_root_mean_square_cannot_be(row, marked):
    assert published.mark(row) == (published.CANNOT_BE if marked else "")


def test_the_marks_are_where_the_papers_columns_are_wrong():
    """Every row of StegaINR, and three of DIV2K's with the columns exchanged."""
    by_title = {table.title: table.rows for table in published.printed_tables()}
    rows = by_title["As printed: Table 4 of the paper"]
    assert len(rows) == 64
    assert {(row[0], row[1], row[3]) for row in rows if row[-1]} == {
        ("LSB", "DIV2K", "stego 1"),
        ("HiDDeN", "DIV2K", "stego 1"),
        ("Weng et al.", "DIV2K", "stego 1"),
        *(("StegaINR", data, at) for data in ("COCO", "DIV2K") for at in ("stego 1", "secret 1")),
    }
    assert ["DeepMIH", "COCO", "2", "stego 1", "Y", "40.30", "0.9805", "4.14", "2.83", ""] in rows
    first = by_title["As printed: Table 1 of the paper"]
    assert [row[1:4] for row in first if row[-1]] == [["COCO", "2", "stego"]]


def test_the_released_function_is_beside_what_was_printed():
    (table,) = [table for table in published.printed_tables() if "released" in table.title]
    assert [(row[3], row[4], row[5]) for row in table.rows] == [
        ("stego", "RGB", "40.49"),
        ("secret 1", "RGB", "38.81"),
        ("secret 2", "RGB", "34.35"),
    ]
    assert "Not printed" in table.notes[0]


def test_printed_numbers_say_what_their_psnr_is_of():
    for table in published.printed_tables():
        assert table.rows
        assert table.notes[0]
        assert {row[4] for row in table.rows} <= {"Y", "RGB", "not said"}
        assert all(len(row) == len(table.columns) for row in table.rows)


def test_every_cited_work_is_there():
    names = {row[0] for row in published.cited_table().rows}
    assert names == {"StegFormer", "StegTransX", "InvMIHNet", "SMILENet", "PUSNet", "PUSNet-MK"} | {
        "AIS",
        "LF-VSN",
        "U-INR",
        "Kweon et al.",
        "DEMIHAK",
    }


def test_entries_are_each_once():
    assert len(set(ENTRIES)) == len(ENTRIES)
    assert set(QUALITY) < set(ENTRIES)


def test_all_leaves_out_what_takes_long_and_says_so():
    run, left = choose("all")
    assert sorted([*run, *left], key=ENTRIES.index) == list(ENTRIES)
    assert Entry("stegainr", "literal", 1) in left
    assert Entry("lsb", "published", 2) in run


def test_all_leaves_out_functions_whose_published_schedule_takes_days():
    """Looks at all pixels: a thousand take minutes at 256x256, those of INRSteg a week."""
    for entry in ENTRIES:
        kind = find_class(entry.scheme)
        if not issubclass(kind, FrozenParts):
            continue
        stages = kind.schedules[entry.variant]
        looks = sum(one.steps * one.share for one in (stages.secret, stages.stego))
        assert entry.long == (looks > 1_000), entry.name


def test_a_variant_that_is_asked_for_is_run_however_long_it_takes():
    assert choose("stegainr:literal") == ([Entry("stegainr", "literal", 1)], [])
    run, left = choose("hinet, stegainr")
    assert [entry.scheme for entry in run] == ["hinet", "hinet", "stegainr"]
    assert left == [Entry("stegainr", "literal", 1)]


def test_one_row_is_asked_for_by_its_secrets_too():
    own = [Entry("stegainr4mih", "24bpp", count) for count in (2, 5, 16, 25)]
    assert choose("stegainr4mih:24bpp")[0] == own
    assert choose("stegainr4mih:24bpp:16") == ([own[2]], [])
    assert choose("lsb:codec2:5, hinet:small:1")[0] == [
        Entry("hinet", "small", 1),
        Entry("lsb", "codec2", 5),
    ]


@pytest.mark.parametrize(
    "methods",
    ["", "lsb,", "LSB", "lsb:none", "all:small", "hinet:small:2", "hinet:small:1:1", "hinet::1"],
)
def test_methods_that_there_are_not(methods):
    with pytest.raises(SettingError, match=r"^methods are all, lsb, hidden"):
        choose(methods)
