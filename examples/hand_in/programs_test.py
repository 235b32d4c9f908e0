#!/usr/bin/env python3
"""Runs a hand-in or cost program briefly: it checks its own results, explains itself, and keeps its time limit.

    programs_test.py PROGRAM LONG-OPTION [OPTION N ...] -- FIGURE ...

LONG-OPTION: the count that makes it take long. After --: the figures that it has to report.
"""
import re
import subprocess
import sys

IN_ORDER = ["# spawn has returned", "# post has returned"]


def run(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          timeout=60, check=False)


def main(program, long_option, *rest):
    split = rest.index("--")
    options, expected = rest[:split], rest[split + 1:]

    done = run(program, *options)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    figures = dict(re.fullmatch(r"(\w+) (-?[\d.]+) \S+", line).groups()
                   for line in lines if not line.startswith("#"))
    assert sorted(figures) == sorted(expected), figures
    steps = [line for line in lines if line.startswith("#")]
    assert not steps or steps[:2] == IN_ORDER and len(steps) == 4, steps

    for wrong in (["--nonsense", "1"], [long_option], [long_option, "many"], [long_option, "-1"]):
        done = run(program, *wrong)
        assert done.returncode == 2 and "usage:" in done.stderr, (wrong, done)

    done = run(program, long_option, "100000000", "--limit-s", "1")
    assert done.returncode == 1 and "time limit exceeded" in done.stderr, done


if __name__ == "__main__":
    main(*sys.argv[1:])
