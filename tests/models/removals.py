#!/usr/bin/env python3
"""Takes one protection at a time out of the protocols, and demands that a model fails.

    removals.py --build BUILD [--jobs N] [--iterations N]

mutants.py weakens memory orders; this is for what is no order: a look under a lock, a claim that is
tried, a bit that is cleared. Each is replaced in a copy of its header, the models that include it
are compiled against the copy (BUILD has the others, and the commands), and run until one of them
fails. Prints a table; the exit status is 0 if every removal was noticed.
"""

import argparse
import concurrent.futures
import json
import pathlib
import shlex
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
TREES = ["sched/include", "sync/include"]

# (what is removed, header, text, its replacement, the models' source, models)
REMOVALS = [
    ("the unlocker's look whether all who waited have left", "mutex_core.hpp",
     "if (!queue_.empty()) break;", "break;", "mutex", ["mutex_destroy"]),
    ("handing the mutex to who was passed over", "mutex_core.hpp",
     "first->handed = first->passed_over >= max_passed_over;", "first->handed = false;", "mutex",
     ["mutex_passed_over"]),
    ("clearing `woken` by who was woken in vain", "mutex_core.hpp",
     "(seen | waiting) & ~cleared", "seen | waiting", "mutex",
     ["mutex_three_threads", "mutex_passed_over"]),
    ("clearing `waiting` by the last to leave", "mutex_core.hpp",
     "if (queue_.empty()) state_.fetch_and(~waiting, std::memory_order_relaxed);", "", "mutex",
     ["mutex_time_out", "mutex_destroy"]),
    ("the last holder's second look", "shared_mutex_core.hpp",
     "if (state_.load(A::order(\"R6\", std::memory_order_acquire)) != (holder | waiting)) continue;",
     "", "shared_mutex",
     ["shared_mutex_destroy", "shared_mutex_destroy_by_reader", "shared_mutex_destroy_by_writer",
      "shared_mutex_writer_leaves"]),
    ("admitting readers behind a writer that leaves", "shared_mutex_core.hpp",
     "(seen & held) == 0 && writers_.empty() ? admit_readers(admitted) : 0;", "0;", "shared_mutex",
     ["shared_mutex_writer_leaves"]),
    ("the releaser's look whether all who waited have left", "semaphore_core.hpp",
     "if (queue_.empty()) return false;", "", "semaphore", ["semaphore_destroy"]),
    ("the destructor's wait for those who leave", "notification.hpp",
     "if (waiting_.load(std::memory_order_relaxed) == 0) return;\n    destroyer_ = &place;",
     "return;", "condition", ["condition_destroy", "condition_early_time_out"]),
    ("leaving after a stop", "notification.hpp",
     "if (outcome != wake::unparked || stopped)", "if (outcome != wake::unparked)", "condition",
     ["condition_early_stop"]),
    ("coming to zero under the lock", "wait_group_core.hpp",
     "if (sum == 0) return add_to_zero(n);", "", "arrival", ["wait_group_destroy"]),
    ("the lock of those who find it open", "latch_core.hpp",
     "{ std::lock_guard const guard(lock_); }", "", "arrival",
     ["latch_cancelled"]),
    ("looking at the phase under the lock", "barrier_core.hpp",
     "  lock_.lock();\n  if ((state_.load(std::memory_order_relaxed) & 1) != phase) {",
     "  if ((state_.load(std::memory_order_relaxed) & 1) != phase) return wake::unparked;\n"
     "  lock_.lock();\n  if ((state_.load(std::memory_order_relaxed) & 1) != phase) {", "arrival",
     ["barrier_destroy"]),
    ("the look under the lock whether it is ready", "future_core.hpp",
     "if (ready_.load(std::memory_order_relaxed)) {", "if (false) {", "future", ["future_result"]),
    ("the end's wait for visits", "visit_count.hpp",
     "visits_.load(A::order(\"V2\", std::memory_order_acquire)) != 0;", "false;", "visit",
     ["visit_wake", "visit_spawn"]),
    ("looking under the lock whether the call is still made", "once_core.hpp",
     "if (!marked) return lock_.unlock();", "", "signal", ["call_once"]),
    ("the notifier's read-modify-write", "address_waits.hpp",
     "interested_.fetch_add(0, A::order(\"A2\", std::memory_order_release))",
     "interested_.load(A::order(\"A2\", std::memory_order_acquire))", "signal",
     ["atomic_wait_one"]),
    ("the watcher's look under the lock", "address_waits.hpp",
     "if (unchanged()) {", "if (true) {", "signal", ["atomic_wait_one"]),
    ("unlinking a wait that has ended", "wait_queue.hpp",
     "    queue.remove(node);\n    lock.unlock();", "    lock.unlock();", "channel",
     ["channel_time_outs", "channel_receive_again"]),
    ("reading the next node before the resume", "wait_queue.hpp",
     "      each->owner->resume(where);\n      each = next;",
     "      each->owner->resume(where);\n      each = each->next;", "arrival", ["latch_meet"]),
    ("the claim of the first in line", "wait_queue.hpp",
     "if (!first->owner->claim()) continue;", "", "channel",
     ["channel_time_outs", "channel_receive_again"]),
]


def commands_in(build):
    """{source: (arguments without -o and its value, object, directory)} of the models' program."""
    found = {}
    for entry in json.loads((build / "compile_commands.json").read_text(encoding="utf-8")):
        source = pathlib.Path(entry["file"])
        if source.parent != ROOT / "tests/models":
            continue
        arguments = shlex.split(entry["command"])
        at = arguments.index("-o")
        directory = pathlib.Path(entry["directory"])
        found[source.stem] = (arguments[:at] + arguments[at + 2:], directory / arguments[at + 1],
                              directory)
    found.pop("protocols_test", None)
    return found


def compiled(commands, source, include, scratch):
    """The models' program, with `source` compiled against the headers in `include`."""
    arguments, _, directory = commands[source]
    changed = scratch / "changed.o"
    subprocess.run([arguments[0], f"-I{include}", "-w", *arguments[1:], "-o", changed], check=True,
                   cwd=directory)
    objects = [each[1] for name, each in commands.items() if name != source]
    program = scratch / "models"
    subprocess.run([arguments[0], *map(str, objects), changed, "-o", program], check=True)
    return program


def noticed(program, models, iterations):
    """How a model failed, or None. Schedules drawn at random, which take seconds, notice by hanging
    too; an exhaustive search that is longer than a minute has noticed nothing."""
    for search in ("random", "bound"):
        for model in models:
            command = [program, "--model", model, "--search", search]
            command += ["--iterations", str(iterations)]
            try:
                ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
            except subprocess.TimeoutExpired:
                if search == "random":
                    return f"{model} (random search): hangs"
                continue
            if ran.returncode == 1:
                return f"{model} ({search} search): {ran.stdout.splitlines()[2].lower()}"
            if ran.returncode != 0:
                sys.exit(f"{model} ended with {ran.returncode}: {ran.stderr}")
    return None


def attempt(commands, iterations, removal):
    """The line of the table, and whether a model noticed."""
    what, header, text, replacement, source, models = removal
    with tempfile.TemporaryDirectory() as name:
        scratch = pathlib.Path(name)
        include = scratch / "include"
        for tree in TREES:
            shutil.copytree(ROOT / tree, include, dirs_exist_ok=True)
        (path,) = include.rglob(header)
        code = path.read_text(encoding="utf-8")
        if code.count(text) != 1:
            sys.exit(f"{header}: not there, or not once: {text}")
        path.write_text(code.replace(text, replacement), encoding="utf-8")
        how = noticed(compiled(commands, f"{source}_models", include, scratch), models, iterations)
    return f"{header:<23}{what:<55}{how or 'NOT NOTICED'}", how is not None


def main():
    """Makes every removal and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", required=True, type=lambda text: pathlib.Path(text).resolve())
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--iterations", type=int, default=20_000)
    arguments = parser.parse_args()

    commands = commands_in(arguments.build)
    if not commands:
        sys.exit("the build has no models")
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        missed = 0
        for line, seen in pool.map(lambda each: attempt(commands, arguments.iterations, each),
                                   REMOVALS):
            print(line, flush=True)
            missed += not seen
    print(f"{len(REMOVALS)} removals, {missed} not noticed")
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
