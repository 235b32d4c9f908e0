#!/usr/bin/env python3
"""Builds the benchmark programs in release mode and runs them side by side.

Every figure is a median over interleaved repetitions; each program checks its own result. Ends in a
table with the ratio to the best peer, writes every single measurement to a CSV file, and draws the
peers' ratios to ramie. On a busy machine absolute times mean little: read the ratios. Peers that are not
installed are named and left out, unless --peer asks for them: run.sh installs them all first.
"""
import argparse
import csv
import os
import pathlib
import statistics
import subprocess
import sys
import time

import peers
import plots
from peers import quietly

ROOT = pathlib.Path(__file__).resolve().parents[2]
RUNTIMES = ("boost_fiber", "go", "tokio", "asio")
THREADS = "pthreads"
ALL = (*RUNTIMES, THREADS)
LOOPS = ("queue", "libev")
PEERS = (*ALL, *LOOPS)
TREES = ("boost_fiber", "go", "tokio")
NETWORKS = ("go", "tokio", "asio")
BARE = ("raw_jump", "futex", "bare_lock", "fresh_stack")  # the limits
SLEEPERS = (*ALL, "futex")
ONE_WORKER = (*LOOPS, *BARE)  # they know no more

# workload: (n, n of --quick or None if it takes no part in that, n of --smoke, worker counts, peers
# beside ramie). What --quick leaves out takes as long as what it keeps of the same kind, whatever n is.
WORKLOADS = {
    "yield": (20_000_000, 4_000_000, 10_000, (1,), (*ALL, "raw_jump")),
    "spawn_join": (1_000_000, 200_000, 2_000, (1, 2), ALL),
    "spawn_join_one": (1_000_000, 200_000, 1_000, (1, 2), ALL),
    "fork_join": (27, 22, 12, (1, 2), TREES),
    "skynet": (1_000_000, 100_000, 1_000, (1, 2), TREES),
    "hand_in": (1_000_000, 200_000, 1_000, (1, 2), (*RUNTIMES, *LOOPS)),
    "hand_in_idle": (1_000, 300, 20, (1, 2), LOOPS),
    "wake_up": (1_000, 200, 20, (1,), SLEEPERS),
    "wake_up_p99": (1_000, None, 20, (1,), SLEEPERS),
    "ping_pong": (1_000_000, 20_000, 1_000, (1, 2), ALL),
    "ping_pong_deadlines": (1_000_000, 200_000, 1_000, (1, 2), ()),
    "mpmc": (4_000_000, 800_000, 4_000, (1, 2), (*ALL, "bare_lock")),
    "mutex": (6_400_000, 1_280_000, 6_400, (1, 2), (*ALL, "bare_lock")),
    "mutex_yield": (6_400_000, 1_280_000, 6_400, (1, 2), RUNTIMES),
    "deadline": (10_000_000, 2_000_000, 1_000, (1,), ()),
    "timers_cold": (200_000, None, 1_000, (1,), (*RUNTIMES, "fresh_stack")),
    "timers": (200_000, 20_000, 1_000, (1,), RUNTIMES),
    "timers_p50": (200_000, None, 1_000, (1,), RUNTIMES),
    "timers_p99": (200_000, None, 1_000, (1,), RUNTIMES),
    "blocking": (1_000_000, 100_000, 1_000, (1, 2), ()),
    "blocking_busy": (20_000, 2_000, 100, (1, 2), ()),
    "spawn_blocking": (100_000, 20_000, 1_000, (1, 2), ()),
    "idle_memory": (100_000, 20_000, 1_000, (1,), TREES),
    "quiet_neighbour_p99": (1_000, 300, 20, (2,), NETWORKS),
    "busy_neighbour_p99": (1_000, 300, 20, (2,), NETWORKS),
    "quiet_neighbour": (1_000, None, 20, (2,), NETWORKS),
    "busy_neighbour": (1_000, None, 20, (2,), NETWORKS),
    "quiet_tenth_p99": (1_000, 300, 20, (2,), NETWORKS),
    "busy_tenth_p99": (1_000, 300, 20, (2,), NETWORKS),
    "quiet_tenth": (1_000, None, 20, (2,), NETWORKS),
    "busy_tenth": (1_000, None, 20, (2,), NETWORKS),
}
# Threads do a part of n: what takes others nanoseconds takes them microseconds, whatever n is.
THREADS_DO = {"yield": 1 / 40, "spawn_join": 1 / 20, "spawn_join_one": 1 / 20, "ping_pong": 1 / 10,
              "mpmc": 1 / 5}
LEAST = 2_000  # but never less: spawn_join takes whole batches
TIMEOUT_S = 120


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true",
                      help="fewer and smaller workloads, 3 repetitions: three minutes")
    size.add_argument("--smoke", action="store_true", help="tiny workloads, once: checks results only")
    parser.add_argument("--workload", action="append", choices=WORKLOADS, help="only this one")
    parser.add_argument("--peer", action="append", choices=PEERS,
                        help="only this one beside ramie; it must be installed")
    parser.add_argument("--reps", type=int, help="repetitions (5)")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build-bench")
    parser.add_argument("--csv", type=pathlib.Path, help="default: results.csv in the build folder")
    parser.add_argument("--plots", type=pathlib.Path, help="their folder; default: plots in the build folder")
    return parser.parse_args()


def build(folder, wanted):
    """The folder of the programs, and those of the wanted peers that are not there: {peer: why}."""
    print(f"Building in {folder} ...", flush=True)
    try:
        quietly("cmake", "-S", ROOT, "-B", folder, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release",
                "-DRAMIE_BENCH=ON", "-DRAMIE_TESTS=OFF", "-DRAMIE_EXAMPLES=OFF")
        quietly("ninja", "-C", folder, "bench_programs")
    except peers.Failed as failure:
        sys.exit(str(failure))
    missing = {}
    for peer in wanted:
        try:
            if peer in peers.BUILDERS:
                peers.build(peer, folder / "bench")
            elif not (folder / "bench" / f"bench_{peer}").exists():
                raise peers.Missing("its headers are not installed")
        except peers.Missing as reason:
            missing[peer] = reason
    return folder / "bench", missing


def program(workload, peer):
    """ramie has the workloads that tell how soon it reacts in a program of their own."""
    reacting = workload in WORKLOADS and WORKLOADS[workload][-1] in (NETWORKS, SLEEPERS)
    return "bench_ramie_latency" if peer == "ramie" and reacting else f"bench_{peer}"


def measure(programs, workload, peer, workers, n):
    """(value, unit), or (None, what went wrong)."""
    command = [programs / program(workload, peer), workload, "--workers", str(workers), "--n", str(n)]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              timeout=TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        return None, f"more than {TIMEOUT_S} s"
    if done.returncode != 0:
        return None, done.stderr.strip() or f"exit {done.returncode}"
    name, who, used, value, unit = done.stdout.split()
    assert (name, who, int(used)) == (workload, peer, workers), done.stdout
    return float(value), unit


def share(workload, peer, n):
    """Of the n of a workload, how many a peer does."""
    if peer == THREADS and workload in THREADS_DO:
        return max(LEAST, int(n * THREADS_DO[workload]))
    return n


def plan(options, present):
    size = 2 if options.smoke else 1 if options.quick else 0
    for workload in options.workload or [name for name in WORKLOADS if WORKLOADS[name][size]]:
        *sizes, worker_counts, with_whom = WORKLOADS[workload]
        n = sizes[size] or sizes[0]
        for workers in worker_counts:
            for peer in ("ramie", *with_whom):
                if peer in present and (workers == 1 or peer not in ONE_WORKER):
                    yield workload, workers, peer, share(workload, peer, n)


def run(programs, cases, reps):
    """{case: [value, ...]}, units, and the failures, of cases (workload, workers, peer, n)."""
    found, units, failures, start, done = {}, {}, {}, time.monotonic(), 0
    for rep in range(reps):
        for case in cases:
            workload, workers, peer, n = case
            if case not in failures:
                value, unit = measure(programs, workload, peer, workers, n)
                if value is None:
                    failures[case] = unit
                else:
                    found.setdefault(case, []).append(value)
                    units[workload] = unit
            done += 1
            left = (time.monotonic() - start) / done * (reps * len(cases) - done)
            print(f"[{done}/{reps * len(cases)}] {workload} {peer} {workers}w {n}, "
                  f"round {rep + 1} of {reps}, {left:.0f} s left", flush=True)
    return found, units, failures


def write_csv(path, found, units):
    with open(path, "w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(("workload", "workers", "peer", "n", "value", "unit"))
        for case, values in found.items():
            writer.writerows((*case, value, units[case[0]]) for value in values)


def text(values):
    if not values:
        return "-"
    median = statistics.median(values)
    return f"{median:,.0f}" if median >= 1000 else f"{median:.1f}"


def table(found, units):
    found = {case[:3]: values for case, values in found.items()}
    shown = [peer for peer in PEERS if any(key[2] == peer for key in found)]
    print(f"\n{'workload':<20}{'workers':>8}{'unit':>7}{'ramie':>10}"
          + "".join(f"{peer:>13}" for peer in shown)
          + f"{'ramie/best peer':>17}{'limit':>8}{'ramie/limit':>13}")
    for workload, workers in dict.fromkeys(key[:2] for key in found):
        def at(peer):
            return found.get((workload, workers, peer))

        def ratio(*others):
            medians = [statistics.median(at(peer)) for peer in others if at(peer)]
            return f"{statistics.median(at('ramie')) / min(medians):.2f}" if at("ramie") and medians else "-"

        limit = next((bare for bare in BARE if at(bare)), None)
        print(f"{workload:<20}{workers:>8}{units[workload]:>7}{text(at('ramie')):>10}"
              + "".join(f"{text(at(peer)):>13}" for peer in shown)
              + f"{ratio(*shown):>17}{text(at(limit)):>8}{ratio(limit):>13}")


def main():
    options = arguments()
    wanted = options.peer or PEERS
    programs, missing = build(options.build, wanted)
    for peer, reason in missing.items():
        print(f"Left out: {peer}: {reason}", flush=True)
    if missing and options.peer:
        return 1
    present = {"ramie", *BARE, *wanted} - missing.keys()
    reps = options.reps or (1 if options.smoke else 3 if options.quick else 5)
    found, units, failures = run(programs, list(plan(options, present)), reps)
    path = options.csv or options.build / "results.csv"
    write_csv(path, found, units)
    load = os.getloadavg()[0]
    table(found, units)
    print(f"\nMedians; lower is better. Every measurement: {path}. Load average at the end: {load:.1f}")
    try:
        print("Plots:", *plots.draw_ratios(path, options.plots or options.build / "plots"))
    except plots.Missing as reason:
        print(f"No plots: {reason}")
    for (workload, workers, peer, n), reason in failures.items():
        print(f"FAILED: {workload} {peer} {workers}w {n}: {reason}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
