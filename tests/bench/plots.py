#!/usr/bin/env python3
"""Draws the plots of the benchmarks, as SVG: plots.py FILE.CSV FOLDER, from what run.py or scale.py wrote.

The same figures give the same bytes, so that a plot can be committed. There is no background, and all
text is of a grey that stands out against a light page and a dark one alike.
"""
import collections
import csv
import math
import pathlib
import statistics
import sys

BASE = "ramie"
GREY = "#7a7a7a"
COLOURS = {BASE: "#d9534f", "boost_fiber": "#3b8eea", "go": "#e0803a", "tokio": "#2ea36b", "asio": "#c75fb0",
           "pthreads": "#9a8a1e", "queue": "#5aa9b8", "libev": "#8a6fd1", "raw_jump": GREY, "futex": GREY,
           "bare_lock": GREY, "fresh_stack": GREY, "epoll": GREY}
STYLE = {
    "svg.hashsalt": BASE,  # else the identifiers within the file are drawn by lot
    "font.size": 9,
    **{f"{what}.color": GREY for what in ("text", "xtick", "ytick", "grid")},
    "axes.edgecolor": GREY, "axes.labelcolor": GREY, "axes.titlecolor": GREY,
    "grid.alpha": 0.4,
}
LEGEND = {"loc": "upper left", "bbox_to_anchor": (1, 1), "frameon": False}


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


def number(value, _):
    """What stands at a tick."""
    return f"{value:,g}" if value < 1e6 else f"{value / 1e6:g} M"


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
    count = sum(len(each) + 1 for each in workloads.values())
    figure, axes = plt.subplots(figsize=(8, 1 + 0.13 * count))
    ticks, at = [], 0
    for each in workloads.values():
        ticks.append(at + (len(each) - 1) / 2)
        for peer, ratio in each.items():
            axes.barh(at, ratio - 1, left=1, height=0.9, color=COLOURS[peer])
            at += 1
        at += 1
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(number)
    axes.xaxis.set_minor_formatter(plt.NullFormatter())
    axes.set_yticks(ticks, list(workloads))
    axes.set_ylim(at - 1, -1)
    axes.axvline(1, color=GREY, linewidth=1)
    axes.grid(axis="x")
    axes.set_axisbelow(True)
    axes.set_xlabel(f"cost relative to {BASE}: right of 1 the peer costs more, left of it less")
    axes.set_title(f"{workers} worker{'s' if workers > 1 else ''}")
    keys = [plt.Rectangle((0, 0), 1, 1, color=COLOURS[peer]) for peer in shown]
    axes.legend(keys, shown, **LEGEND)
    return figure


def draw_ratios(path, folder):
    """One plot for each number of workers; their paths. Raises Missing."""
    plt = pyplot()
    return [save(plt, bars(plt, workers, workloads), folder / f"ratios_{workers}w.svg")
            for workers, workloads in sorted(ratios(path).items())]


def lines(plt, what, unit, peers):
    """A line per peer, through the medians. The cost's axis has whole decades: less might bear no number."""
    figure, axes = plt.subplots(figsize=(6, 3.2))
    counts = sorted({count for points in peers.values() for count in points})
    medians = {peer: {count: median for count, values in sorted(points.items())
                      if (median := statistics.median(values)) > 0}  # there is no place for less
               for peer, points in peers.items()}
    for peer, points in medians.items():
        axes.plot(list(points), list(points.values()), color=COLOURS[peer], marker="o", markersize=4,
                  label=peer)
    axes.set_xscale("log")
    axes.set_xticks(counts)
    axes.set_xticks([], minor=True)
    axes.xaxis.set_major_formatter(number)
    every = [median for points in medians.values() for median in points.values()]
    axes.set_yscale("log", subs=(2, 5))
    axes.set_ylim(10 ** math.floor(math.log10(min(every))), 10 ** (math.floor(math.log10(max(every))) + 1))
    axes.yaxis.set_major_formatter(number)
    axes.yaxis.set_minor_formatter(number)
    axes.set_xlabel(what)
    axes.set_title(unit)
    axes.grid()
    axes.legend(**LEGEND)
    return figure


def draw_scale(path, folder):
    """One plot for each series of scale.py's CSV file; their paths. Raises Missing."""
    plt = pyplot()
    series = collections.defaultdict(lambda: collections.defaultdict(lambda: collections.defaultdict(list)))
    with open(path, newline="") as rows:
        for row in csv.DictReader(rows):
            points = series[row["series"], row["what"], row["unit"]][row["peer"]]
            points[int(row["count"])].append(float(row["value"]))
    return [save(plt, lines(plt, what, unit, peers), folder / f"scale_{name}.svg")
            for (name, what, unit), peers in series.items()]


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    with open(sys.argv[1]) as rows:
        draw = draw_scale if rows.readline().startswith("series,") else draw_ratios
    try:
        for plot in draw(sys.argv[1], pathlib.Path(sys.argv[2])):
            print(plot)
    except Missing as reason:
        sys.exit(f"No plots: {reason}")


if __name__ == "__main__":
    main()
