#!/usr/bin/env python3
"""Hands work to a running loop in three ways, each beside its peers: posts by an outside thread, spawns by
what runs, and lines that arrive over TCP."""
import functools
import re
import signal
import subprocess
import sys

import measuring

OUTSIDE = {"ramie": "ramie", "thread, queue": "queue", "libev, ev_async": "libev"}
INSIDE = {"fibers": (1_000_000, 1_000), "threads": (10_000, 100)}  # spawns, and of --smoke
SERVERS = {"fibers": "hand_in_line_fiber_server", "thread each": "hand_in_line_thread_server"}
PROCESSING_US = 1_000  # a line's time in a slow server


class LineServer:
    """A line server, started and ended."""

    def __init__(self, program, *options):
        self.program = program
        self.process = subprocess.Popen(
            ["taskset", "-c", str(measuring.cores()[0]), program, *map(str, options)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        match = re.match(r"listening on (\d+)", line)
        if not match:
            self.process.kill()
            raise measuring.Failure(f"{program.name} did not start: {line}{self.process.stderr.read()}")
        self.port = int(match.group(1))

    def end(self):
        """How many lines it has acknowledged."""
        self.process.send_signal(signal.SIGTERM)
        try:
            said, complaints = self.process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
            raise measuring.Failure(f"{self.program.name} did not end within 20 s of SIGTERM") from None
        if self.process.returncode != 0 or complaints:
            raise measuring.Failure(
                f"{self.program.name} ended with {self.process.returncode}: {complaints.strip()}")
        return measuring.read_figures(said)["acknowledged"]


def drive(folder, server_program, processing_us, lines, *options):
    """The client's figures of one server, which has to acknowledge so many lines."""
    server = LineServer(folder / server_program, "--processing-us", processing_us)
    try:
        figures = measuring.run_program(folder / "hand_in_line_client", "--port", server.port, *options,
                                        core=measuring.cores()[1])
    finally:
        acknowledged = server.end()
    if acknowledged != lines:
        raise measuring.Failure(f"{server_program} acknowledged {acknowledged:.0f} of {lines} lines")
    return figures


def lines_arrive(folder, server_program, smoke):
    samples, batches, connections, flood = (50, 5, 8, 100) if smoke else (3_000, 100, 64, 500)
    figures = drive(folder, server_program, 0, samples + 16 * batches * connections, "--samples", samples,
                    "--batches", batches, "--connections", connections)
    slow = drive(folder, server_program, PROCESSING_US, flood, "--flood", flood)
    return {**figures, **slow, "flooded": flood}


def outside(folder, smoke, rounds):
    counts = ("--posts", 10_000, "--samples", 20) if smoke else ("--posts", 1_000_000, "--samples", 500)
    found = measuring.in_turns("posts from outside", {
        name: functools.partial(measuring.run_program, folder / f"hand_in_from_outside_{program}", *counts)
        for name, program in OUTSIDE.items()}, rounds)
    print(f"\n{'from outside':<18}{'post to run, p50 us':>20}{'p99 us':>9}{'burst ns/post':>15}"
          f"{'wake-ups':>10}   burst, ratio to ramie")
    ramie = found["ramie"]
    for name, m in found.items():
        print(f"{name:<18}{m['latency_p50']:>20.1f}{m['latency_p99']:>9.1f}{m['burst']:>15.0f}"
              f"{m['wakeups']:>10,.0f}   {m['burst'] / ramie['burst']:.2f}")
    per_wakeup = counts[1] / max(ramie["wakeups"], 1)
    fastest = {figure: min(found, key=lambda name: found[name][figure])
               for figure in ("latency_p50", "burst")}
    print()
    measuring.note(
        f"A post wakes an idle ramie in {ramie['latency_p50']:.1f} us (median); soonest is {fastest['latency_p50']} "
        f"with {found[fastest['latency_p50']]['latency_p50']:.1f} us. In a burst of {counts[1]:,} posts ramie was "
        f"woken once for {per_wakeup:,.0f} posts. Cheapest per post is {fastest['burst']} with "
        f"{found[fastest['burst']]['burst']:.0f} ns; a post to ramie starts a fiber, which may wait. (Wake-ups: "
        "ramie's metric wakeups_sent; ends of the queue's waits; runs of libev's callback.)")
    print()


def inside(folder, smoke, rounds):
    found = measuring.in_turns("spawns from inside", {
        unit: functools.partial(measuring.run_program, folder / f"hand_in_from_inside_{unit}", "--spawns",
                                counts[1 if smoke else 0])
        for unit, counts in INSIDE.items()}, rounds)
    print(f"\n{'from inside':<18}{'spawn ns':>10}{'spawn+join ns':>15}   spawn+join, ratio to fibers")
    fibers = found["fibers"]
    for name, m in found.items():
        print(f"{name:<18}{m['spawn']:>10,.0f}{m['spawn_join']:>15,.0f}   "
              f"{m['spawn_join'] / fibers['spawn_join']:.1f}")
    ratio = measuring.times(found["threads"]["spawn_join"], fibers["spawn_join"])
    print()
    measuring.note("What a running fiber spawned or posted ran when that fiber waited, never inline (checked). In "
                   f"batches of 1,000 a thread costs {ratio} a fiber.")
    print()


def completions(folder, smoke, rounds):
    found = measuring.in_turns("lines that arrive", {
        name: functools.partial(lines_arrive, folder, program, smoke)
        for name, program in SERVERS.items()}, rounds)
    print(f"\n{'line server':<18}{'send to ack, p50 us':>20}{'p99 us':>9}{'lines/s':>11}"
          f"{'slow: lines/s':>15}{'most ahead':>12}   lines/s, ratio to fibers")
    for name, m in found.items():
        print(f"{name:<18}{m['latency_p50']:>20.1f}{m['latency_p99']:>9.1f}{m['throughput']:>11,.0f}"
              f"{m['flood']:>15,.0f}{m['most_ahead']:>12,.0f}   "
              f"{m['throughput'] / found['fibers']['throughput']:.2f}")
    fibers, threads = found.values()
    print()
    measuring.note(
        f"Every line was acknowledged once, before the servers ended (checked). Where a line takes "
        f"{PROCESSING_US / 1000:.0f} ms, a client that sent {fibers['flooded']:,.0f} lines as fast as it could got "
        f"at most {fibers['most_ahead']:,.0f} lines ahead of the acknowledgements, {threads['most_ahead']:,.0f} with "
        "a thread each: its sends waited for the server. (On fibers a connection has four workers; a connection's "
        "thread takes line after line.)")


def run(examples, smoke=False, rounds=3):
    """Measures and prints it. Raises measuring.Failure."""
    print("\nThree ways to hand work to a running loop.", flush=True)
    for part in (outside, inside, completions):
        part(examples / "hand_in", smoke, 1 if smoke else rounds)


if __name__ == "__main__":
    sys.exit(measuring.main(run, __doc__))
