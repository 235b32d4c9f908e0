#!/usr/bin/env python3
"""Weakens each memory order of the protocols in turn, and demands that a model fails for it.

    mutants.py --models BINARY [--iterations N] [--jobs N] HEADER...

The orders are those that the headers write as A::order("TAG", ...) or A::fence("TAG", ...). Each is
weakened by one step: that suffices, since a weaker order allows whatever a stronger one allows.
Prints a table of the mutants; the exit status is 0 if all were caught.
"""

import argparse
import concurrent.futures
import pathlib
import re
import subprocess
import sys

ORDERED = re.compile(r'A::(order|fence)\("(\w+)",\s*std::memory_order_(\w+)\)')


def operation_of(text, match):
    """load, store, rmw or fence: the operation that `match` is an argument of."""
    if match[1] == "fence":
        return "fence"
    depth, at = 0, match.start()
    while depth >= 0:
        at -= 1
        depth += {")": 1, "(": -1}.get(text[at], 0)
    called = re.search(r"\w+$", text[:at])[0]
    return called if called in ("load", "store") else "rmw"


def weaker(operation, written):
    """The orders one step below `written`."""
    if written == "seq_cst":
        return [{"load": "acquire", "store": "release"}.get(operation, "acq_rel")]
    if written == "acq_rel":
        return ["acquire", "release"]
    return ["relaxed"]


def mutants_in(headers):
    """(tag, operation, written order, weaker order) for each mutant."""
    seen = set()
    for header in headers:
        text = pathlib.Path(header).read_text(encoding="utf-8")
        for match in ORDERED.finditer(text):
            tag, written = match[2], match[3]
            if tag in seen:
                sys.exit(f"{header}: the tag {tag} is used twice")
            seen.add(tag)
            operation = operation_of(text, match)
            for order in weaker(operation, written):
                yield tag, operation, written, order


def models_of(binary):
    """{tag letter: [model]}, as the binary lists them."""
    listed = subprocess.run([binary, "--list"], check=True, capture_output=True, text=True)
    models = {}
    for line in listed.stdout.splitlines():
        name, *letters = line.split()
        for letter in "".join(letters):
            models.setdefault(letter, []).append(name)
    return models


def attempt(binary, model, search, iterations, mutant):
    """How the model failed under the mutant, or None. Random schedules are cheap, so come first; the
    exhaustive search is cut short: a mutant that it has not caught by then counts as survived."""
    command = [binary, "--model", model, "--search", search, "--iterations", str(iterations)]
    command += ["--weaken", f"{mutant[0]}:{mutant[3]}"]
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except subprocess.TimeoutExpired:
        return None
    if ran.returncode == 0:
        return None
    if ran.returncode != 1:
        sys.exit(f"{' '.join(command)} ended with {ran.returncode}: {ran.stderr}")
    lines = ran.stdout.splitlines()
    executions = re.search(r"(\d+) executions", lines[0])[1]
    return f"{model} ({search} search, execution {executions}): {lines[2].lower()}"


def hunt(binary, models, iterations, mutant):
    """Where the mutant was caught, or None."""
    for search in ("random", "bound"):
        for model in models.get(mutant[0][0], []):
            caught = attempt(binary, model, search, iterations, mutant)
            if caught:
                return caught
    return None


def main():
    """Runs every mutant and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", required=True)
    parser.add_argument("--iterations", type=int, default=200_000)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("headers", nargs="+")
    arguments = parser.parse_args()

    models = models_of(arguments.models)
    mutants = list(mutants_in(arguments.headers))
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        caught = list(
            pool.map(lambda each: hunt(arguments.models, models, arguments.iterations, each), mutants)
        )
    print(f"{'tag':<5}{'operation':<11}{'written':<9}{'weakened':<10}caught by")
    for (tag, operation, written, order), where in zip(mutants, caught):
        print(f"{tag:<5}{operation:<11}{written:<9}{order:<10}{where or 'SURVIVED'}")
    survived = caught.count(None)
    print(f"{len(mutants)} mutants, {survived} survived")
    if not mutants:
        sys.exit("no memory orders found")
    sys.exit(1 if survived else 0)


if __name__ == "__main__":
    main()
