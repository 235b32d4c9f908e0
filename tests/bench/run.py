#!/usr/bin/env python3
"""Builds the benchmark programs in release mode and runs them side by side.

Every figure is a median over interleaved repetitions; each program checks its own result. Ends in a
table with the ratio to the best peer, and writes every single measurement to a CSV file. On a busy
machine absolute times mean little: read the ratios.
"""
import argparse
import csv
import os
import pathlib
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAMS = {"ramie": "bench_ramie", "boost_fiber": "bench_boost_fiber", "queue": "bench_queue",
            "libev": "bench_libev", "raw_jump": "bench_raw_jump"}
PEERS = ("boost_fiber", "queue", "libev")
ONE_WORKER = ("queue", "libev")  # they know no others

# workload: (n, n of --quick, n of --smoke, worker counts, peers beside ramie)
WORKLOADS = {
    "yield": (20_000_000, 4_000_000, 10_000, (1,), ("boost_fiber", "raw_jump")),
    "spawn_join": (1_000_000, 200_000, 2_000, (1, 2), ("boost_fiber",)),
    "spawn_join_one": (1_000_000, 200_000, 1_000, (1, 2), ("boost_fiber",)),
    "fork_join": (27, 22, 12, (1, 2), ("boost_fiber",)),
    "skynet": (1_000_000, 100_000, 1_000, (1, 2), ("boost_fiber",)),
    "hand_in": (1_000_000, 200_000, 1_000, (1, 2), PEERS),
    "hand_in_idle": (1_000, 300, 20, (1, 2), ("queue", "libev")),
    "ping_pong": (1_000_000, 200_000, 1_000, (1, 2), ("boost_fiber",)),
    "ping_pong_deadlines": (1_000_000, 200_000, 1_000, (1, 2), ()),
    "deadline": (10_000_000, 2_000_000, 1_000, (1,), ()),
    "timers_cold": (200_000, 20_000, 1_000, (1,), ("boost_fiber",)),
    "timers": (200_000, 20_000, 1_000, (1,), ("boost_fiber",)),
    "timers_p50": (200_000, 20_000, 1_000, (1,), ("boost_fiber",)),
    "timers_p99": (200_000, 20_000, 1_000, (1,), ("boost_fiber",)),
    "blocking": (1_000_000, 100_000, 1_000, (1, 2), ()),
    "blocking_busy": (20_000, 2_000, 100, (1, 2), ()),
    "spawn_blocking": (100_000, 20_000, 1_000, (1, 2), ()),
    "mutex": (6_400_000, 1_280_000, 6_400, (1, 2), ("boost_fiber",)),
    "idle_memory": (100_000, 20_000, 1_000, (1,), ("boost_fiber",)),
}
TIMEOUT_S = 120


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="smaller workloads, 3 repetitions")
    size.add_argument("--smoke", action="store_true", help="tiny workloads, once: checks results only")
    parser.add_argument("--workload", action="append", choices=WORKLOADS, help="only this one")
    parser.add_argument("--reps", type=int, help="repetitions (5)")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build-bench")
    parser.add_argument("--csv", type=pathlib.Path, help="default: results.csv in the build folder")
    return parser.parse_args()


def quietly(*command):
    """Runs the command; its output is of interest only if it fails."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode != 0:
        sys.exit(done.stdout.decode(errors="replace"))


def build(folder):
    print(f"Building in {folder} ...", flush=True)
    quietly("cmake", "-S", ROOT, "-B", folder, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release",
            "-DRAMIE_BENCH=ON", "-DRAMIE_TESTS=OFF", "-DRAMIE_EXAMPLES=OFF")
    quietly("ninja", "-C", folder, *PROGRAMS.values(), "bench_ramie_latency", "ramie_delays")
    return folder / "bench"


def measure(programs, workload, peer, workers, n):
    """(value, unit), or (None, what went wrong)."""
    command = [programs / PROGRAMS[peer], workload, "--workers", str(workers), "--n", str(n)]
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


def plan(options):
    size = 2 if options.smoke else 1 if options.quick else 0
    for workload in options.workload or WORKLOADS:
        *sizes, worker_counts, peers = WORKLOADS[workload]
        for workers in worker_counts:
            for peer in ("ramie", *(p for p in peers if workers == 1 or p not in ONE_WORKER)):
                yield workload, workers, peer, sizes[size]


def run(programs, options):
    """{(workload, workers, peer): [value, ...]}, units, and the failures."""
    cases = list(plan(options))
    reps = options.reps or (1 if options.smoke else 3 if options.quick else 5)
    found, units, failures, start, done = {}, {}, {}, time.monotonic(), 0
    for rep in range(reps):
        for workload, workers, peer, n in cases:
            key = (workload, workers, peer)
            if key not in failures:
                value, unit = measure(programs, workload, peer, workers, n)
                if value is None:
                    failures[key] = unit
                else:
                    found.setdefault(key, []).append(value)
                    units[workload] = unit
            done += 1
            left = (time.monotonic() - start) / done * (reps * len(cases) - done)
            print(f"[{done}/{reps * len(cases)}] {workload} {peer} {workers}w, "
                  f"round {rep + 1} of {reps}, {left:.0f} s left", flush=True)
    return found, units, failures


def write_csv(path, found, units):
    with open(path, "w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(("workload", "workers", "peer", "value", "unit"))
        for (workload, workers, peer), values in found.items():
            writer.writerows((workload, workers, peer, value, units[workload]) for value in values)


def text(values):
    if not values:
        return "-"
    median = statistics.median(values)
    return f"{median:,.0f}" if median >= 1000 else f"{median:.1f}"


def table(found, units):
    print(f"\n{'workload':<20}{'workers':>8}{'unit':>7}{'ramie':>10}"
          + "".join(f"{peer:>13}" for peer in PEERS)
          + f"{'ramie/best peer':>17}{'limit':>8}{'ramie/limit':>13}")
    for workload, workers in dict.fromkeys(key[:2] for key in found):
        def at(peer):
            return found.get((workload, workers, peer))

        def ratio(*peers):
            medians = [statistics.median(at(peer)) for peer in peers if at(peer)]
            return f"{statistics.median(at('ramie')) / min(medians):.2f}" if at("ramie") and medians else "-"

        print(f"{workload:<20}{workers:>8}{units[workload]:>7}{text(at('ramie')):>10}"
              + "".join(f"{text(at(peer)):>13}" for peer in PEERS)
              + f"{ratio(*PEERS):>17}{text(at('raw_jump')):>8}{ratio('raw_jump'):>13}")


def main():
    options = arguments()
    programs = build(options.build)
    found, units, failures = run(programs, options)
    path = options.csv or options.build / "results.csv"
    write_csv(path, found, units)
    load = os.getloadavg()[0]
    table(found, units)
    print(f"\nMedians; lower is better. Every measurement: {path}. Load average at the end: {load:.1f}")
    for (workload, workers, peer), reason in failures.items():
        print(f"FAILED: {workload} {peer} {workers}w: {reason}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
