#!/usr/bin/env python3
"""Drives the main job's HTTP server on ramie and on Boost.Fiber with wrk, side by side.

Builds both in release mode. As in the main job, each server has one worker and one core, wrk the
other, rounds are interleaved, and every figure is the median of the rounds.
"""
import argparse
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "examples/main_job"))
import main_job  # noqa: E402

SERVERS = {"ramie": "examples/http_server/http_fiber_server", "boost_fiber": "bench/http_boost_fiber_server"}
BASELINE = "boost_fiber"


def build(folder):
    configure = ["cmake", "-S", ROOT, "-B", folder, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release",
                 "-DRAMIE_TESTS=OFF", "-DRAMIE_BENCH=ON", "-DRAMIE_EXAMPLES=ON"]
    targets = [pathlib.Path(program).name for program in SERVERS.values()]
    subprocess.run(configure, check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["ninja", "-C", folder, *targets], check=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="one short round with few connections")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3, help="wrk's time per server and round")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build-bench")
    options = parser.parse_args()
    loads = [(count, options.rounds, options.seconds) for count, _, _ in main_job.LOADS]
    loads = ((8, 1, 1),) if options.smoke else main_job.possible(
        loads, main_job.raise_descriptor_limit())
    try:
        build(options.build)
        servers = {name: options.build / program for name, program in SERVERS.items()}
        main_job.table(main_job.run(servers, loads), BASELINE)
    except (main_job.Failure, subprocess.CalledProcessError) as failure:
        print(f"FAILED: {failure}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
