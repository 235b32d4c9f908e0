#!/usr/bin/env python3
"""Drives the six ways of reading many small files and prints how they compare.

The files are made once, from a seed that is printed. Runs are interleaved, so that what the machine
does meanwhile meets all ways alike; every figure is the median of the runs. A checksum that is not the
one of what was written is an error.
"""
import argparse
import concurrent.futures
import os
import pathlib
import random
import re
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import time
import zlib

WAYS = {"serial": "serial", "ten threads": "ten_threads", "thread per file": "thread_per_file",
        "event loop": "event_loop", "callbacks": "callbacks", "fibers": "fibers"}
BASELINE = "serial"
SOURCES = ("warm", "dropped", "slow")
COUNTS = (10, 1000, 10000)
SIZES = (1 << 10, 64 << 10)
SLOW_WAIT = 0.010
WAITS_AT_ONCE = {"serial": 1, "ten threads": 10, "event loop": 10, "callbacks": 10}  # others: all
ONE_RUN = 0.9     # seconds of waiting from which on a case is run once, because it hardly varies, and
                  # beside the others like it, because it hardly needs the processor;
NOT_RUN = 20.0    # and from which on it is not run at all
NO_THREAD = 3     # exit status: the way could not be gone, for want of threads or memory
CLOSE = 1.1       # a ratio up to which two times are called the same


class Failure(Exception):
    pass


class Files:
    """Real files in a temporary folder, written back to the disk, and the checksums of their contents."""

    def __init__(self, count, seed):
        place = os.environ.get("TMPDIR", "/var/tmp")  # /tmp may be in memory
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="ramie-file-reads-", dir=place))
        self.checksums, self.bytes = [], 0
        draw = random.Random(seed)
        try:
            for number in range(count):
                content = draw.randbytes(draw.randint(*SIZES))
                (self.folder / f"{number:06}").write_bytes(content)
                self.checksums.append(zlib.crc32(content))
                self.bytes += len(content)
            for path in self.folder.iterdir():
                write_back(path)
        except BaseException:
            self.remove()
            raise

    def checksum(self, count):
        """As the programs compute it: of the files' checksums in the order of the files."""
        return zlib.crc32(struct.pack(f"<{count}I", *self.checksums[:count]))

    def remove(self):
        shutil.rmtree(self.folder)


def write_back(path):
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def waiting(source, count, way):
    """Seconds that the waits of a slow source take at least."""
    return count * SLOW_WAIT / WAITS_AT_ONCE.get(way, count) if source == "slow" else 0.0


def passes(source, count):
    """How many times a run reads all files: single readings of few files would say little."""
    return 1 if source == "slow" else max(1, min(25, 5000 // count))


def measure(programs, files, source, count, way):
    """The figures of one run; or why there are none, if there were no threads or no memory."""
    program = programs / f"file_reads_{WAYS[way]}"
    command = [program, "--source", source, "--first", str(count), "--passes",
               str(passes(source, count)), files.folder]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    except subprocess.TimeoutExpired:
        raise Failure(f"{program.name} took more than 120 s for {count} files, {source}") from None
    if done.returncode == NO_THREAD:
        return done.stderr.strip()
    said = dict(re.findall(r"(\w+)=(\S+)", done.stdout))
    if done.returncode != 0:
        raise Failure(f"{program.name} ended with {done.returncode}: {done.stderr.strip()}")
    if int(said["read"]) != count or int(said["checksum"], 16) != files.checksum(count):
        raise Failure(f"{program.name} has read something else: {done.stdout.strip()}")
    return {"seconds": float(said["seconds"]), "threads": int(said["threads"]),
            "memory": int(said["rss_kib"]) / 1024, "cached": int(said["cached"])}


def sources_here(programs, files, count):
    """The sources that this machine has."""
    left = measure(programs, files, "dropped", count, BASELINE)["cached"]
    if left > count / 10:
        print(f"Not permitted here: emptying the page cache. posix_fadvise(POSIX_FADV_DONTNEED) left "
              f"{left} of {count} files in it, so there are no figures for files from the disk.")
        return tuple(source for source in SOURCES if source != "dropped")
    print("The page cache can be emptied of the files here: by posix_fadvise(POSIX_FADV_DONTNEED), "
          "checked with mincore.")
    return SOURCES


def keep(found, case, figures):
    if isinstance(figures, str):
        found[case] = "failed: " + figures
    elif not isinstance(found.get(case), str):
        found.setdefault(case, []).append(figures)


def run_waiting(programs, files, cases):
    """{case: [figures] or why there are none} of cases that do little but wait: all at once."""
    found = {}
    run = [case for case in cases if waiting(*case) < NOT_RUN]
    if run:
        longest = max(waiting(*case) for case in run)
        print(f"{len(run)} cases that mostly wait, side by side: {longest:.0f} s", flush=True)
        with concurrent.futures.ThreadPoolExecutor(len(run)) as pool:
            for case, figures in zip(run, pool.map(lambda case: measure(programs, files, *case), run)):
                keep(found, case, figures)
    for case in cases:
        found.setdefault(case, f"not run: would take {waiting(*case):.0f} s")
    return found


def run_all(programs, files, sources, counts, rounds):
    """{(source, count, way): [figures, ...]}, or in place of the list why there are none."""
    cases = [(source, count, way) for source in sources for count in counts for way in WAYS]
    long_waits = run_waiting(programs, files, [case for case in cases if waiting(*case) >= ONE_RUN])
    found = {case: long_waits[case] for case in cases if case in long_waits}
    groups = [(number, source, count) for number in range(rounds) for source in sources
              for count in counts]
    start = time.monotonic()
    for done, (number, source, count) in enumerate(groups, 1):
        for way in WAYS:
            case = (source, count, way)
            if case not in long_waits and not isinstance(found.get(case), str):
                keep(found, case, measure(programs, files, *case))
        left = (time.monotonic() - start) / done * (len(groups) - done)
        print(f"[{done}/{len(groups)}] {count:>6,} files, {source:<8}{left:3.0f} s left", flush=True)
    return {case: found[case] for case in cases}


def medians(found):
    """{(source, count, way): {figure: median, ..., "runs": n}} of the cases that have figures."""
    return {case: {**{figure: statistics.median(run[figure] for run in runs) for figure in runs[0]},
                   "runs": len(runs)}
            for case, runs in found.items() if not isinstance(runs, str)}


def fastest(figures, source, count):
    return min((way for way in WAYS if (source, count, way) in figures),
               key=lambda way: figures[source, count, way]["seconds"])


def ratio(figures, source, count, way, to):
    """Of the times; nothing if one of the two has none."""
    if (source, count, to) not in figures or (source, count, way) not in figures:
        return None
    return figures[source, count, way]["seconds"] / figures[source, count, to]["seconds"]


def table(found, figures):
    print(f"\n{'source':<9}{'files':>6}  {'way':<17}{'ms':>11}{'files/s':>11}{'threads':>9}"
          f"{'memory MiB':>12}{'runs':>6}   ratio of times to {BASELINE}, to the fastest")
    for source, count in dict.fromkeys(case[:2] for case in found):
        best = fastest(figures, source, count)
        for way in WAYS:
            case = (source, count, way)
            start = f"{source:<9}{count:>6}  {way:<17}"
            if case not in figures:
                print(start + found[case])
                continue
            m = figures[case]
            to_serial, to_best = (ratio(figures, *case, to) for to in (BASELINE, best))
            shown = "-" if to_serial is None else f"{to_serial:.{2 if to_serial >= 0.1 else 3}f}"
            print(f"{start}{m['seconds'] * 1e3:>11.2f}{count / m['seconds']:>11,.0f}"
                  f"{m['threads']:>9.0f}{m['memory']:>12.1f}{m['runs']:>6}   {shown}, {to_best:.2f}")
        print()


def listed(items):
    items = list(items)
    return " and ".join(filter(None, (", ".join(items[:-1]), *items[-1:])))


def group_sentence(figures, source, count):
    best = fastest(figures, source, count)
    rest = sorted((ratio(figures, source, count, way, best), way) for way in WAYS
                  if way != best and (source, count, way) in figures)
    others = ", ".join(f"{way} ({times:.1f})" for times, way in rest)
    return (f"{source}, {count:,} files: fastest is {best} with "
            f"{figures[source, count, best]['seconds'] * 1e3:,.2f} ms; in multiples of that: {others}.")


def way_sentence(found, figures, way):
    mine = [case for case in figures if case[2] == way]

    def names(cases):
        by_source = {}
        for source, count, _ in cases:
            by_source.setdefault(source, []).append(f"{count:,}")
        return listed(f"{source} ({', '.join(counts)})" for source, counts in by_source.items())

    def to_best(case):
        return ratio(figures, *case, fastest(figures, *case[:2]))

    wins = [case for case in mine if to_best(case) <= CLOSE]
    losses = [case for case in mine if (ratio(figures, *case, BASELINE) or 0) > CLOSE]
    worst = max(mine, key=to_best)
    parts = ["fastest, or within 10 % of it, at " + names(wins) if wins else "nowhere the fastest"]
    if way != BASELINE:
        parts.append(f"slower than {BASELINE} by more than 10 % at {names(losses)}" if losses
                     else f"nowhere slower than {BASELINE} by more than 10 %")
    parts.append(f"at its worst {to_best(worst):.1f} times the fastest, at {names([worst])}")
    threads, memory = (max(figures[case][what] for case in mine) for what in ("threads", "memory"))
    parts.append(f"at most {threads:.0f} thread{'s' * (threads > 1)} and {memory:.0f} MiB")
    parts += [f"{found[case]} at {names([case])}" for case in found
              if case[2] == way and case not in figures]
    return f"{way}: {'; '.join(parts)}."


def notes(found, figures):
    print(f"""\
Medians of the runs; a run that reads few files reads them several times, and counts the median.
  warm: from the page cache. dropped: the files' data were taken out of it first.
  slow: warm, but each read is preceded by a wait of {SLOW_WAIT * 1e3:.0f} ms. It blocks the thread that reads, which is
  one of ten in a pool; on fibers it is a wait of the fiber. (A loop could wait with a timer, where the
  source is one that lets it.) What waits for {ONE_RUN:.1f} s or longer is run once, beside
  the others like it, and from {NOT_RUN:.0f} s on not at all.
  The time is from the list of files to the last checksum, and has in it the threads that the two thread
  ways start; a loop and its pool, or a runtime, are there before. Threads and memory (resident) are the
  most that there were.
""")
    for source, count in dict.fromkeys(case[:2] for case in found):
        print(group_sentence(figures, source, count))
    print()
    for way in WAYS:
        if any(case[2] == way for case in figures):
            print(way_sentence(found, figures, way))
    for (source, count, way), m in figures.items():
        if source == "dropped" and m["cached"] > 0 or source != "dropped" and m["cached"] < count:
            print(f"Beware: {m['cached']:.0f} of {count:,} files were in the page cache before {way} "
                  f"read them ({source}).")
    if len(os.sched_getaffinity(0)) == 1:
        print("Only one core may be used here: no way can read two files at once from the page cache.")


def run(programs, smoke=False, rounds=3, seed=None):
    """Makes the files, runs everything and prints it. Raises Failure."""
    seed = random.SystemRandom().getrandbits(32) if seed is None else seed
    counts, rounds = ((10, 100), 1) if smoke else (COUNTS, rounds)
    print(f"\nReading small files in six ways. Making {max(counts):,} files, seed {seed} ...", flush=True)
    try:
        files = Files(max(counts), seed)
    except OSError as error:
        raise Failure(f"the files could not be made: {error}") from None
    try:
        print(f"{files.bytes / 2**20:,.1f} MiB in {files.folder}, "
              f"{SIZES[0] >> 10} to {SIZES[1] >> 10} KiB each.")
        found = run_all(programs, files, sources_here(programs, files, counts[0]), counts, rounds)
    finally:
        files.remove()
    figures = medians(found)
    table(found, figures)
    notes(found, figures)
    print(f"All {sum(m['runs'] for m in figures.values())} runs gave the checksums of what was written.")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=pathlib.Path, help="where the programs are")
    parser.add_argument("--smoke", action="store_true", help="one round with few files")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, help="that a former run has printed")
    options = parser.parse_args()
    try:
        run(options.folder, options.smoke, options.rounds, options.seed)
    except Failure as failure:
        print(f"FAILED: {failure}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
