#!/usr/bin/env python3
"""Measures what a fiber costs beside a thread: to switch, to start and to keep."""
import sys

import measuring

UNITS = {"fibers": "cost_of_fibers", "threads": "cost_of_threads"}
# measurement: (options, the last of which takes the count; the counts of fibers, threads, --smoke)
MEASUREMENTS = {
    "yield": (("--yields",), (2_000_000, 100_000, 1_000)),
    "one core": (("--cores", 1, "--hand-overs"), (500_000, 50_000, 1_000)),
    "two cores": (("--cores", 2, "--hand-overs"), (500_000, 10_000, 1_000)),
    "spawn": (("--spawns",), (1_000_000, 5_000, 100)),
    "parked": (("--parked",), (100_000, 10_000, 100)),
}
# (row of the table, measurement, figure, unit)
ROWS = (
    ("switch: two yield to one another, one core", "yield", "yield", "ns"),
    ("switch: one wakes the other and waits, one core", "one core", "hand_over", "ns"),
    ("switch: the same, two cores", "two cores", "hand_over", "ns"),
    ("spawn and join", "spawn", "spawn_join", "ns"),
    ("resident memory while it waits", "parked", "resident", "bytes"),
    ("its stack in the kernel", "parked", "kernel_stack", "bytes"),
)


def measure(folder, smoke, rounds):
    """{(measurement, unit): {figure: median}}"""
    def one(name, unit, number):
        options, counts = MEASUREMENTS[name]
        count = counts[2 if smoke else number]
        return lambda: measuring.run_program(folder / UNITS[unit], *options, count)

    return measuring.in_turns("what fibers and threads cost", {
        (name, unit): one(name, unit, number)
        for name in MEASUREMENTS for number, unit in enumerate(UNITS)
        if name != "two cores" or len(set(measuring.cores())) == 2}, rounds)


def rows(found):
    """(row, fiber's, thread's, unit) of what was measured."""
    for row, name, figure, unit in ROWS:
        if (name, "fibers") in found:
            yield row, found[name, "fibers"][figure], found[name, "threads"][figure], unit


def table(found):
    print(f"\n{'cost of one':<50}{'fiber':>10}{'thread':>10}{'unit':>7}{'thread/fiber':>14}")
    for row, fiber, thread, unit in rows(found):
        ratio = f"{thread / fiber:,.1f}" if fiber >= 1 else "-"
        print(f"{row:<50}{fiber:>10,.0f}{thread:>10,.0f}{unit:>7}{ratio:>14}")


def sentences(found):
    fibers, threads = (found["parked", unit] for unit in UNITS)
    shares = ", ".join(f"{unit} {found['yield', unit]['yields_that_switch']:.0f} %" for unit in UNITS)
    print()
    measuring.note(
        f"Medians of the rounds. A yield is a switch if the other one runs ({shares} of the yields). Waking and "
        "waiting is by a mutex and a condition variable. The threads are bound to their cores; fibers have a worker "
        "bound to each, and where they run is the scheduler's choice. Memory is the growth of the process's resident "
        f"memory and page tables while {fibers['parked']:,.0f} fibers, or {threads['parked']:,.0f} threads, wait; "
        "the kernel's stacks are counted for the whole machine.")
    print()
    for row, fiber, thread, unit in rows(found):
        if fiber < 1:
            print(f"{row}: {thread:,.0f} {unit} for a thread, nothing measurable for a fiber.")
        elif fiber < thread:
            print(f"{row}: a thread's is {measuring.times(thread, fiber)} a fiber's.")
        else:
            print(f"{row}: a fiber's is {measuring.times(fiber, thread)} a thread's.")
    whole = [each["resident"] + max(each["kernel_stack"], 0) for each in (fibers, threads)]
    print(f"A GiB of memory holds {2**30 / whole[0]:,.0f} waiting fibers or {2**30 / whole[1]:,.0f} "
          "waiting threads.")
    if not any(name == "two cores" for name, _ in found):
        print("Only one core may be used here: there are no figures for two.")


def run(examples, smoke=False, rounds=3):
    """Measures and prints it. Raises measuring.Failure."""
    print("\nWhat a fiber and a thread cost.", flush=True)
    found = measure(examples / "cost_of_a_unit", smoke, 1 if smoke else rounds)
    table(found)
    sentences(found)


if __name__ == "__main__":
    sys.exit(measuring.main(run, __doc__))
