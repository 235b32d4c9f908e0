#!/usr/bin/env python3
"""Draws the plots of the benchmarks, as SVG: plots.py RESULTS.CSV FOLDER, from what run.py wrote.

The same figures give the same bytes, so that a plot can be committed. There is no background, and all
text is of a grey that stands out against a light page and a dark one alike.
"""
import collections
import csv
import pathlib
import statistics
import sys

BASE = "ramie"
GREY = "#7a7a7a"
COLOURS = ("#3b8eea", "#e0803a", "#2ea36b", "#c75fb0", "#9a8a1e", "#d9534f", "#5aa9b8", "#8a6fd1", GREY)
STYLE = {
    "svg.hashsalt": BASE,  # else the identifiers within the file are drawn by lot
    "font.size": 9,
    **{f"{what}.color": GREY for what in ("text", "xtick", "ytick", "grid")},
    "axes.edgecolor": GREY, "axes.labelcolor": GREY, "axes.titlecolor": GREY,
    "grid.alpha": 0.4,
}


class Missing(Exception):
    """Why nothing can be drawn here."""


def pyplot():
    try:
        import matplotlib
    except ImportError:
        raise Missing("matplotlib is not installed (tests/support/setup.sh bench)") from None
    matplotlib.use("svg")
    matplotlib.rcParams.update(STYLE)
    from matplotlib import pyplot as plt
    return plt


def save(plt, figure, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, transparent=True, bbox_inches="tight", metadata={"Date": None})
    plt.close(figure)
    return path


def ratios(path):
    """{workers: {workload: {peer: its median by ramie's}}} of run.py's CSV file."""
    values = collections.defaultdict(list)
    with open(path, newline="") as rows:
        for row in csv.DictReader(rows):
            values[int(row["workers"]), row["workload"], row["peer"]].append(float(row["value"]))
    medians = {key: statistics.median(each) for key, each in values.items()}
    found = collections.defaultdict(lambda: collections.defaultdict(dict))
    for (workers, workload, peer), median in medians.items():
        base = medians.get((workers, workload, BASE))
        if peer != BASE and base and median:  # a ratio needs both, and none of them 0
            found[workers][workload][peer] = median / base
    return found


def bars(plt, workers, workloads):
    """A group of bars per workload, from 1, which is ramie: to the right, the peer costs more."""
    shown = list(dict.fromkeys(peer for each in workloads.values() for peer in each))
    colours = dict(zip(shown, COLOURS))
    count = sum(len(each) + 1 for each in workloads.values())
    figure, axes = plt.subplots(figsize=(8, 1 + 0.13 * count))
    ticks, at = [], 0
    for each in workloads.values():
        ticks.append(at + (len(each) - 1) / 2)
        for peer, ratio in each.items():
            axes.barh(at, ratio - 1, left=1, height=0.9, color=colours[peer])
            at += 1
        at += 1
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(lambda ratio, _: f"{ratio:g}")
    axes.set_yticks(ticks, list(workloads))
    axes.set_ylim(at - 1, -1)
    axes.axvline(1, color=GREY, linewidth=1)
    axes.grid(axis="x")
    axes.set_axisbelow(True)
    axes.set_xlabel(f"cost relative to {BASE}: right of 1 the peer costs more, left of it less")
    axes.set_title(f"{workers} worker{'s' if workers > 1 else ''}")
    keys = [plt.Rectangle((0, 0), 1, 1, color=colours[peer]) for peer in shown]
    axes.legend(keys, shown, loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    return figure


def draw_ratios(path, folder):
    """One plot for each number of workers; their paths. Raises Missing."""
    plt = pyplot()
    return [save(plt, bars(plt, workers, workloads), folder / f"ratios_{workers}w.svg")
            for workers, workloads in sorted(ratios(path).items())]


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    try:
        for plot in draw_ratios(sys.argv[1], pathlib.Path(sys.argv[2])):
            print(plot)
    except Missing as reason:
        sys.exit(f"No plots: {reason}")


if __name__ == "__main__":
    main()
