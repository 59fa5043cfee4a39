"""One figure of a benchmark's results: time to quality, cost against pixels and secrets, share of the roofline."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
from matplotlib import pyplot

mpl.use("Agg")


def draw(report: dict[str, object], path: Path) -> None:
    """Draw and write a PNG."""
    figure, axes = pyplot.subplots(2, 2, figsize=(11, 8), layout="constrained")
    tables = report["tables"]
    _quality(
        axes[0, 0],
        [table for table in tables if table["name"].startswith(("steps", "two secrets, 128x128"))],
    )
    _cost(
        axes[0, 1],
        [table for table in tables if table["name"].startswith("pixels")],
        "pixels a picture",
        pixels=True,
    )
    _cost(
        axes[1, 0],
        [table for table in tables if table["name"].startswith("secrets")],
        "secrets",
        pixels=False,
    )
    _shares(axes[1, 1], report["roofline"])
    figure.suptitle(f"{report['machine']['threads']} threads, torch {report['machine']['torch']}")
    figure.savefig(path, dpi=110)


def _quality(axis: pyplot.Axes, tables: list[dict]) -> None:
    ordered = sorted(tables, key=lambda table: table["paper_steps"])
    cost = [table["paper_steps"] for table in ordered]
    axis.plot(cost, [table["psnr_mean"][0] for table in ordered], "o-", label="stego image")
    axis.plot(cost, [min(table["psnr_mean"][1:]) for table in ordered], "s-", label="worse secret")
    for table in ordered:
        if table["target"]:
            axis.plot([table["target"][2]] * 2, table["target"][:2], "k_", markersize=14)
    axis.set(
        title="two secrets at 128x128 (dashes: targets)",
        xlabel="paper steps, command to file",
        ylabel="PSNR in dB",
    )
    axis.legend()


def _cost(axis: pyplot.Axes, tables: list[dict], label: str, *, pixels: bool) -> None:
    if not tables:
        axis.set_axis_off()
        return
    counts = [int(table["name"].split(": ")[1].split("x")[0]) for table in tables]
    values = [count**2 if pixels else count for count in counts]
    axis.loglog(values, [table["seconds"] for table in tables], "o-", label="hide, seconds")
    axis.loglog(
        values, [table["reveal_seconds"] for table in tables], "s-", label="reveal, seconds"
    )
    axis.loglog(
        values,
        [table["memory_mb"] / 1000 for table in tables],
        "^-",
        label="hide, peak memory in GB",
    )
    axis.set(title=f"cost against {label}", xlabel=label)
    axis.legend()


def _shares(axis: pyplot.Axes, rows: list[dict]) -> None:
    axis.barh([row["name"] for row in rows], [100 * row["share"] for row in rows])
    axis.axvline(60, color="black", linestyle="--")
    axis.set(title="share of the rate of matrix products, in %", xlim=(0, 100))
