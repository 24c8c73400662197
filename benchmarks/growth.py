"""Growth curves: how time and memory follow one number of a case, drawn and fitted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .measure import Result
from .peers import OURS, PEERS

OTHERS = ("#555555", "#d55e00")  # the peers' colours beside our blue
MEASURES = {"time": ("ms", 1e3), "memory": ("MB", 1e-6)}  # with the unit and scale of the axis


@dataclass
class Growth:
    """A measured curve: the case's results by the number that grows."""

    title: str
    results: Mapping[int, Result]

    def points(self, peer: str, measure: str) -> tuple[list[int], list[float]]:
        """The sizes at which the peer was measured, with seconds of the fastest round or bytes.

        The sizes are measured one after another: a slow moment of the machine is no growth.
        """
        found = {}
        for size, result in self.results.items():
            if row := result.rows.get(peer):
                found[size] = row.memory if measure == "memory" else min(row.rounds, default=None)
        found = {size: value for size, value in found.items() if value}
        return list(found), list(found.values())

    def exponent(self, peer: str, measure: str) -> float | None:
        """The slope of the larger half in logarithms: 1 is a straight line through the origin."""
        sizes, values = self.points(peer, measure)
        half = max(2, (len(sizes) + 1) // 2)
        if len(sizes) < 2:
            return None
        return float(np.polyfit(np.log(sizes[-half:]), np.log(values[-half:]), 1)[0])

    def steepest(self, peer: str, measure: str) -> float | None:
        """The largest growth of what one more costs, from one pair of neighbouring sizes to the next:
        1 is linear. A fixed cost, or memory that stood ready, does not count.
        """
        sizes, values = self.points(peer, measure)
        if len(sizes) < 3:
            return None
        marginal = np.diff(values) / np.diff(sizes)
        rising = marginal[:-1] > 0
        return float(np.max(marginal[1:][rising] / marginal[:-1][rising])) if rising.any() else None


def plot(curves: Sequence[Growth], path: Path) -> None:
    """One column per curve: time above, memory below, both axes logarithmic."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "growth"})
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, len(curves), figsize=(3.4 * len(curves), 6), squeeze=False)
    for column, curve in zip(axes.T, curves, strict=True):
        for axis, (measure, (unit, scale)) in zip(column, MEASURES.items(), strict=True):
            axis.set_prop_cycle(color=OTHERS)
            draw_curve(axis, curve, measure, scale)
            axis.set(xlabel=curve.title, ylabel=f"{measure} ({unit})", xscale="log", yscale="log")
            axis.grid(alpha=0.3)
    axes[0][0].legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def draw_curve(axis: Any, curve: Growth, measure: str, scale: float) -> None:
    for peer in dict.fromkeys(peer for result in curve.results.values() for peer in result.rows):
        sizes, values = curve.points(peer, measure)
        style = {"linewidth": 2.5, "color": "#0072B2"} if peer == OURS else {"linewidth": 1.2}
        values = np.multiply(values, scale)
        axis.plot(sizes, values, marker="o", ms=3, label=PEERS[peer].title, **style)
    sizes, values = curve.points(OURS, measure)
    if sizes:  # a line of slope 1 through the last point, to hold the curve against
        line = np.multiply(sizes, values[-1] / sizes[-1] * scale)
        axis.plot(sizes, line, linestyle=":", color="0.6", linewidth=1, zorder=0)
