"""Runs measuring programs in turns and reads their figures: what hand_in.py and cost.py share."""
import argparse
import os
import pathlib
import re
import statistics
import subprocess
import sys
import textwrap
import time

TIMEOUT_S = 60


class Failure(Exception):
    pass


def cores():
    """Two cores that this process may use, where it may use two."""
    mine = sorted(os.sched_getaffinity(0))
    return mine[0], mine[-1]


def read_figures(text):
    """{figure: value} of a program's lines "FIGURE VALUE UNIT"."""
    return {name: float(value) for name, value in re.findall(r"^(\w+) (-?[\d.]+) \S+$", text, re.M)}


def run_program(program, *options, core=None):
    """A program's figures. Its result is wrong, or it did not end: Failure."""
    bound = [] if core is None else ["taskset", "-c", str(core)]
    try:
        done = subprocess.run([*bound, program, *map(str, options)], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=TIMEOUT_S + 5, check=False)
    except subprocess.TimeoutExpired:
        raise Failure(f"{program.name} did not end within {TIMEOUT_S + 5} s") from None
    if done.returncode != 0:
        raise Failure(f"{program.name} ended with {done.returncode}: {done.stderr.strip()}")
    return read_figures(done.stdout)


def in_turns(title, measurements, rounds):
    """Calls the measurements {name: function} in turns. {name: {figure: its median}}"""
    found, start, done = {name: [] for name in measurements}, time.monotonic(), 0
    for number in range(1, rounds + 1):
        for name, measure in measurements.items():
            found[name].append(measure())
            done += 1
        left = (time.monotonic() - start) / done * (rounds * len(measurements) - done)
        print(f"[{number}/{rounds}] {title}, {left:3.0f} s left", flush=True)
    return {name: {figure: statistics.median(each[figure] for each in runs) for figure in runs[0]}
            for name, runs in found.items()}


def note(text):
    """Prints a paragraph."""
    print(textwrap.fill(text, 100, subsequent_indent="  "))


def times(larger, smaller):
    """How many times as much, in words."""
    ratio = larger / smaller if smaller else float("inf")
    return f"{ratio:,.0f} times" if ratio >= 10 else f"{ratio:.1f} times"


def main(run, description):
    """main of a part that is run alone."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("examples", type=pathlib.Path, help="the build's folder of examples")
    parser.add_argument("--smoke", action="store_true", help="one round with small counts")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    try:
        run(options.examples, options.smoke, options.rounds)
    except Failure as failure:
        print(f"FAILED: {failure}", file=sys.stderr)
        return 1
    return 0
