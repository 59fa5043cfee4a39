"""One figure of a benchmark's results.

Time to quality, cost against pixels and secrets, share of the roofline.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import pyplot

mpl.use("Agg")


def draw(report: dict[str, Any], path: Path) -> None:
    """Draw and write a PNG.

    Args:
        report: as bench.json has it.
        path: of the PNG.
    """
    figure, axes = pyplot.subplots(2, 2, figsize=(11, 8), layout="constrained")

    def rows(*beginnings: str) -> list[dict[str, Any]]:
        return [row for row in report["tables"] if row["name"].startswith(beginnings)]

    _quality(axes[0, 0], rows("steps", "two secrets, 128x128"))
    _cost(axes[0, 1], rows("pixels"), "pixels a picture", pixels=True)
    _cost(axes[1, 0], rows("secrets"), "secrets", pixels=False)
    _shares(axes[1, 1], report["roofline"])
    figure.suptitle(f"{report['machine']['threads']} threads, torch {report['machine']['torch']}")
    figure.savefig(path, dpi=110)


def _quality(axis: pyplot.Axes, rows: list[dict[str, Any]]) -> None:
    ordered = sorted(rows, key=lambda row: row["paper_steps"])
    cost = [row["paper_steps"] for row in ordered]
    axis.plot(cost, [row["psnr_mean"][0] for row in ordered], "o-", label="stego image")
    axis.plot(cost, [min(row["psnr_mean"][1:]) for row in ordered], "s-", label="worse secret")
    for row in ordered:
        if row["target"]:
            *psnr, steps = row["target"]
            axis.plot([steps] * 2, psnr, "k_", markersize=14)
    axis.set(
        title="two secrets at 128x128 (dashes: targets)",
        xlabel="paper steps, command to file",
        ylabel="PSNR in dB",
    )
    axis.legend()


def _cost(axis: pyplot.Axes, rows: list[dict[str, Any]], label: str, *, pixels: bool) -> None:
    if not rows:
        axis.set_axis_off()
        return
    counts = [int(row["name"].split(": ")[1].split("x")[0]) for row in rows]
    values = [count**2 if pixels else count for count in counts]
    gigabytes = [row["memory_mb"] / 1000 for row in rows]
    axis.loglog(values, [row["seconds"] for row in rows], "o-", label="hide, seconds")
    axis.loglog(values, [row["reveal_seconds"] for row in rows], "s-", label="reveal, seconds")
    axis.loglog(values, gigabytes, "^-", label="hide, peak memory in GB")
    axis.set(title=f"cost against {label}", xlabel=label)
    axis.legend()


def _shares(axis: pyplot.Axes, rows: list[dict[str, Any]]) -> None:
    axis.barh([row["name"] for row in rows], [100 * row["share"] for row in rows])
    axis.axvline(60, color="black", linestyle="--")
    axis.set(title="share of the rate of matrix products, in %", xlim=(0, 100))
