#!/usr/bin/env python3
"""How the cost of a unit grows with the number of fibers, timers, channels, workers and connections.

Builds in release mode, runs interleaved repetitions, each of which checks its own result, writes every
measurement to a CSV file, prints a table of medians and draws a plot for each series. Peers that are
not installed are named and left out: run.sh scale installs them all first. A million fibers want some
6 GB of memory, with the peers 13 GB.
"""
import argparse
import collections
import csv
import os
import pathlib
import subprocess
import sys
import typing

import http_hello
import plots
import run
from http_hello import main_job


class Series(typing.NamedTuple):
    """A workload whose n is the count, on one worker."""
    workload: str
    what: str
    unit: str
    counts: tuple
    smoke: tuple
    peers: tuple


class WorkerSeries(typing.NamedTuple):
    """A workload of a fixed n on more and more workers."""
    workload: str
    unit: str
    n: int
    smoke: int
    peers: tuple


MANY = (1_000, 10_000, 100_000, 1_000_000)
FEW = (10, 100)
SERIES = {
    "fibers": Series("spawn_join_all", "fibers that wait at once", "ns to spawn, park, wake and join one",
                     MANY, FEW, run.RUNTIMES),
    # A task of tokio's has no stack: it keeps what it needs after its wait.
    "memory": Series("idle_memory", "parked fibers", "bytes for each", MANY, (1_000,), run.TREES),
    "yields": Series("yield_round", "fibers that take turns", "ns for a yield", MANY, FEW, run.RUNTIMES),
    "timers": Series("timers_cold", "sleeping fibers", "us of CPU time for each", MANY, FEW, run.RUNTIMES),
    "channels": Series("ping_pong_pairs", "pairs of fibers, two channels each", "ns for a round trip",
                       (1, 10, 100, 1_000, 10_000, 100_000), FEW, run.RUNTIMES),
}
WORKERS = {
    "workers_tree": WorkerSeries("skynet", "ms for a tree of fibers", 100_000, 1_000, run.TREES),
    "workers_queue": WorkerSeries("mpmc", "ns for a value through one channel", 800_000, 4_000, run.RUNTIMES),
    "workers_pairs": WorkerSeries("ping_pong_pairs", "ns for a round trip, of many pairs", 1_000, 10, run.RUNTIMES),
}
CONNECTIONS = (10, 100, 1_000, 10_000)
# series: (what main_job calls it, unit)
SERVED = {
    "connections_cpu": ("cpu", "us of the server's CPU time for a request"),
    "connections_p99": ("p99", "ms, 99th percentile"),
    "connections_memory": ("memory", "MiB of the server's memory"),
}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="small counts, once: checks results only")
    parser.add_argument("--series", action="append", choices=(*SERIES, *WORKERS, "connections"),
                        help="only this one")
    parser.add_argument("--reps", type=int, help="repetitions (3)")
    parser.add_argument("--build", type=pathlib.Path, default=run.ROOT / "build-bench")
    parser.add_argument("--csv", type=pathlib.Path, help="default: scale.csv in the build folder")
    parser.add_argument("--plots", type=pathlib.Path, help="their folder; default: plots in the build folder")
    return parser.parse_args()


def worker_counts():
    """1, 2, 4 ... and as many as this process may use cores."""
    cores = len(os.sched_getaffinity(0))
    return (*(1 << power for power in range(cores.bit_length()) if 1 << power < cores), cores)


def plan(options, wanted, missing):
    """{case of run.py's: [(series, what is counted, count, peer, unit), ...]}: series may share one."""
    cases = collections.defaultdict(list)
    for name, series in SERIES.items():
        for count in series.smoke if options.smoke else series.counts:
            for peer in ("ramie", *series.peers):
                cases[series.workload, 1, peer, count].append(
                    (name, series.what, count, peer, series.unit))
    for name, series in WORKERS.items():
        for workers in worker_counts():
            for peer in ("ramie", *series.peers):
                cases[series.workload, workers, peer, series.smoke if options.smoke else series.n].append(
                    (name, "workers", workers, peer, series.unit))
    chosen = {case: [row for row in rows if row[0] in wanted and row[3] not in missing]
              for case, rows in cases.items()}
    return {case: rows for case, rows in chosen.items() if rows}


def measure_programs(options, wanted, reps):
    """Rows of the CSV file, and what failed."""
    programs, missing = run.build(options.build, run.RUNTIMES)
    for peer, reason in missing.items():
        print(f"Left out: {peer}: {reason}", flush=True)
    cases = plan(options, wanted, missing)
    found, _, failures = run.run(programs, list(cases), reps)
    rows = [(*row, value) for case, rows in cases.items() for row in rows for value in found.get(case, ())]
    return rows, [f"{' '.join(map(str, case))}: {reason}" for case, reason in failures.items()]


def measure_servers(options, reps):
    """As measure_programs: the servers of http_hello.py, with more and more connections."""
    missing = http_hello.build(options.build, http_hello.SERVERS)
    servers = {name: options.build / program for name, program in http_hello.SERVERS.items()
               if name not in missing}
    limit = main_job.raise_descriptor_limit()
    http_hello.compare_answers(servers, servers[http_hello.REFERENCE])
    loads = [(count, reps, 1 if options.smoke else 2) for count in (FEW if options.smoke else CONNECTIONS)]
    found = main_job.run(servers, main_job.possible(loads, limit))
    rows = [(series, "connections", count, name, unit, figures[figure])
            for series, (figure, unit) in SERVED.items()
            for (count, name), rounds in found.items() for figures in rounds]
    errors = {key: sum(figures["errors"] for figures in rounds) for key, rounds in found.items()}
    return rows, [f"{name} with {count} connections: {number} errors"
                  for (count, name), number in errors.items() if number]


def table(rows):
    for name, unit in dict.fromkeys((row[0], row[4]) for row in rows):
        mine = [row for row in rows if row[0] == name]
        counts = sorted({row[2] for row in mine})
        print(f"\n{name}: {unit}\n{mine[0][1]:>36}" + "".join(f"{count:>12,}" for count in counts))
        for peer in dict.fromkeys(row[3] for row in mine):
            values = [[row[5] for row in mine if row[2:4] == (count, peer)] for count in counts]
            print(f"{peer:>36}" + "".join(f"{run.text(each):>12}" for each in values))


def main():
    options = arguments()
    wanted = options.series or (*SERIES, *WORKERS, "connections")
    reps = options.reps or (1 if options.smoke else 3)
    rows, failures = [], []
    if set(wanted) - {"connections"}:
        rows, failures = measure_programs(options, wanted, reps)
    if "connections" in wanted:
        try:
            served, failed = measure_servers(options, reps)
        except (main_job.Failure, subprocess.CalledProcessError, OSError) as failure:
            served, failed = [], [str(failure)]
        rows += served
        failures += failed
    path = options.csv or options.build / "scale.csv"
    with open(path, "w", newline="") as out:
        csv.writer(out).writerows([("series", "what", "count", "peer", "unit", "value"), *rows])
    table(rows)
    print(f"\nMedians; lower is better. Every measurement: {path}. "
          f"Load average at the end: {os.getloadavg()[0]:.1f}")
    try:
        print("Plots:", *plots.draw_scale(path, options.plots or options.build / "plots"))
    except plots.Missing as reason:
        print(f"No plots: {reason}")
    for failure in failures:
        print(f"FAILED: {failure}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
