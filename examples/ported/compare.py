#!/usr/bin/env python3
"""Runs the ported programs on the standard's threads and on ramie's, on the same two cores, and
prints the figures of both side by side. Every program checks its results.
"""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "main_job"))
import measuring  # noqa: E402

SIDES = ("std", "ramie")
# program: (its name in the table, its amount of work, and that of --smoke)
PROGRAMS = {
    "philosophers": ("dining philosophers", ("--meals", 200, 20)),
    "pipeline": ("bounded-buffer pipelines", ("--items", 500, 20)),
    "thread_pool": ("thread pool", ("--jobs", 25, 2)),
    "cache": ("readers-writers cache", ("--lookups", 500, 20)),
}
THREADS, SMOKE_THREADS = 4000, 100
FIGURES = (("time", "ms"), ("cpu", "ms"), ("peak_memory", "MiB"), ("kernel_threads", ""))


def measure(folder, smoke, rounds):
    """{(program, side): {figure: median}}"""
    cores = ",".join(str(core) for core in sorted(set(measuring.cores())))

    def one(program, side):
        option, count, smoke_count = PROGRAMS[program][1]
        return lambda: measuring.run_program(
            folder / f"ported_{program}_{side}", "--threads", SMOKE_THREADS if smoke else THREADS,
            option, smoke_count if smoke else count, core=cores)

    return measuring.in_turns("ported programs", {
        (program, side): one(program, side) for program in PROGRAMS for side in SIDES}, rounds)


def table(found):
    print(f"\n{'program':<26}{'':<7}" + "".join(f"{figure:>16}" for figure, _ in FIGURES))
    print(f"{'':<33}" + "".join(f"{unit:>16}" for _, unit in FIGURES))
    for program, (title, _) in PROGRAMS.items():
        for side in SIDES:
            figures = found[program, side]
            print(f"{title:<26}{side:<7}" + "".join(f"{figures[figure]:>16,.0f}" for figure, _ in FIGURES))
            title = ""
        std, ramie = (found[program, side] for side in SIDES)
        ratios = [ramie[figure] / std[figure] if std[figure] else 0 for figure, _ in FIGURES]
        print(f"{'':<26}{'ratio':<7}" + "".join(f"{ratio:>16.2f}" for ratio in ratios))


def run(folder, smoke=False, rounds=5):
    """Measures and prints it. Raises measuring.Failure."""
    found = measure(folder, smoke, 1 if smoke else rounds)
    table(found)
    print()
    measuring.note(
        f"Medians of the rounds, run in turns on the same cores. Each program has {SMOKE_THREADS if smoke else THREADS:,} "
        "threads: the standard's are the kernel's, ramie's are fibers on two workers. Time from before the first is "
        "started until the last is joined. Peak memory is the process's, without what the kernel keeps for each of "
        "its threads.")


if __name__ == "__main__":
    sys.exit(measuring.main(run, __doc__))
