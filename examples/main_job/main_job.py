#!/usr/bin/env python3
"""Drives the three HTTP servers with wrk and prints how they compare; then the readers of files,
the ways to hand work in, and what fibers cost.

Each server has one worker and one core; wrk has the other. Rounds are interleaved, so that what the
machine does meanwhile meets all three alike; every figure is the median of the rounds.
"""
import argparse
import os
import pathlib
import re
import resource
import signal
import statistics
import subprocess
import sys
import threading
import time

import cost
import file_reads
import hand_in
import measuring

SERVERS = {"fibers": "http_fiber_server", "threads": "http_thread_server", "epoll": "http_epoll_server"}
BASELINE = "epoll"
# (connections, rounds, wrk's seconds per server and round): what comes and goes on the machine spoils
# a round, so many short ones tell more than few long ones, but ten thousand connections take a while
# to open.
LOADS = ((64, 5, 1), (1000, 5, 1), (10000, 3, 2))
SMOKE_LOADS = ((8, 1, 1), (64, 1, 1))
WRK_RESERVE = 64  # descriptors that a program needs beside its connections
UNITS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 60e3}
TICK = os.sysconf("SC_CLK_TCK")


class Failure(Exception):
    pass


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=pathlib.Path, help="where the server programs are")
    parser.add_argument("--smoke", action="store_true", help="one short round with few connections")
    return parser.parse_args()


def cores():
    """(server's, wrk's): two different ones where the process may use two."""
    mine = sorted(os.sched_getaffinity(0))
    return mine[0], mine[-1]


def raise_descriptor_limit():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def possible(loads, limit):
    """The loads that the descriptor limit allows, saying so where it cuts one down."""
    allowed = {}
    for count, rounds, seconds in loads:
        room = limit - WRK_RESERVE
        if count > room:
            print(f"The descriptor limit is {limit}: {room} connections instead of {count}.")
        allowed.setdefault(min(count, room), (rounds, seconds))
    return [(count, *rest) for count, rest in allowed.items()]


class Server:
    """A server process: started, watched and ended."""

    def __init__(self, program, core):
        self.process = subprocess.Popen(
            ["taskset", "-c", str(core), str(program), "--port", "0", "--workers", "1"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        match = re.search(r"listening on (?:\S*:)?(\d+)", line)
        if not match:
            self.process.kill()
            raise Failure(f"{program.name} did not start: {line}{self.process.stderr.read()}")
        self.port = int(match.group(1))
        self.proc = pathlib.Path("/proc") / str(self.process.pid)

    def cpu_seconds(self):
        fields = (self.proc / "stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    def threads_and_memory(self):
        status = (self.proc / "status").read_text()
        return (int(re.search(r"^Threads:\s+(\d+)", status, re.M).group(1)),
                int(re.search(r"^VmRSS:\s+(\d+)", status, re.M).group(1)) / 1024)

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            _, complaints = self.process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
            raise Failure("a server did not end within 20 s of SIGTERM") from None
        if self.process.returncode != 0:
            raise Failure(f"a server ended with {self.process.returncode}: {complaints}")


class Watcher(threading.Thread):
    """Samples a server's threads and memory, and keeps the most."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.server, self.over = server, threading.Event()
        self.threads = self.memory = 0

    def run(self):
        while not self.over.wait(0.5):
            threads, memory = self.server.threads_and_memory()
            self.threads, self.memory = max(self.threads, threads), max(self.memory, memory)


def milliseconds(text):
    found = re.fullmatch(r"([\d.]+)([a-z]+)", text)
    if not found:
        raise Failure(f"wrk gave no latency but {text!r}")
    number, unit = found.groups()
    return float(number) * UNITS[unit]


def read_wrk(text):
    """(requests, requests per second, p99 in ms, errors) from wrk's report."""
    def number(pattern):
        found = re.search(pattern, text)
        if not found:
            raise Failure("wrk said:\n" + text)
        return found.group(1)

    errors = sum(int(n) for line in re.findall(r"Socket errors:(.*)", text)
                 for n in re.findall(r"\d+", line))
    errors += sum(int(n) for n in re.findall(r"Non-2xx or 3xx responses: (\d+)", text))
    return (int(number(r"(\d+) requests in")), float(number(r"Requests/sec:\s+([\d.]+)")),
            milliseconds(number(r"(?m)^ *99% +(\S+)")), errors)


def measure(program, connections, seconds, *wrk_options):
    """One server under one load: a dict of figures."""
    server_core, wrk_core = cores()
    server = Server(program, server_core)
    watcher = Watcher(server)
    try:
        watcher.start()
        before = server.cpu_seconds()
        # A session of its own: the kernel shares the processor out by sessions (sched(7), autogroup),
        # and beside a server's ten thousand threads wrk would get next to nothing on a busy machine.
        wrk = subprocess.run(
            ["taskset", "-c", str(wrk_core), "wrk", "-t1", f"-c{connections}", f"-d{seconds}s",
             "--latency", "--timeout", "10s", *wrk_options, f"http://127.0.0.1:{server.port}/"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
            start_new_session=True)
        requests, rate, p99, errors = read_wrk(wrk.stdout)
        cpu = server.cpu_seconds() - before
    finally:
        watcher.over.set()
        watcher.join()
        server.end()
    if requests == 0:
        raise Failure(f"{program.name} answered nothing:\n{wrk.stdout}")
    return {"requests": requests, "rate": rate, "p99": p99, "threads": watcher.threads,
            "memory": watcher.memory, "cpu": cpu / requests * 1e6, "errors": errors}


def run(servers, loads, measuring_one=measure):
    """{(connections, server): [figures, ...]}. servers: {name: program}"""
    found = {}
    cases = [(count, seconds, name) for number in range(max(rounds for _, rounds, _ in loads))
             for count, rounds, seconds in loads if number < rounds for name in servers]
    start = time.monotonic()
    for done, (count, seconds, name) in enumerate(cases, 1):
        figures = measuring_one(servers[name], count, seconds)
        found.setdefault((count, name), []).append(figures)
        left = (time.monotonic() - start) / done * (len(cases) - done)
        print(f"[{done}/{len(cases)}] {name:<12}{count:>6} connections: {figures['rate']:>8,.0f} "
              f"requests/s, {left:3.0f} s left", flush=True)
    return found


def table(found, baseline, what="request"):
    print(f"\n{'connections':>11}  {'server':<12}{what + 's/s':>14}{'p99 ms':>9}{'threads':>9}"
          f"{'memory MiB':>12}{'CPU us/' + what:>19}{'errors':>8}   ratio to {baseline}: rate, p99, CPU")

    def median(count, name, figure):
        return statistics.median(each[figure] for each in found[count, name])

    def ratio(count, name, figure):
        """Of two runs beside each other: the machine's own speed changes over the rounds."""
        pairs = zip(found[count, name], found[count, baseline])
        return statistics.median(each[figure] / (other[figure] or 1) for each, other in pairs)

    for count in dict.fromkeys(key[0] for key in found):
        for name in dict.fromkeys(key[1] for key in found):
            m = {figure: median(count, name, figure) for figure in found[count, name][0]}
            errors = sum(each["errors"] for each in found[count, name])
            ratios = ", ".join(f"{ratio(count, name, figure):.2f}"
                               for figure in ("rate", "p99", "cpu"))
            print(f"{count:>11}  {name:<12}{m['rate']:>14,.0f}{m['p99']:>9.1f}{m['threads']:>9.0f}"
                  f"{m['memory']:>12.1f}{m['cpu']:>19.1f}{errors:>8}   {ratios}")
        print()
    print("Medians of the rounds, and of the ratios within each (errors: their sum). CPU is the server's "
          "own, user and system.")
    if len(set(cores())) == 1:
        print("Only one core may be used here: server and wrk share it, and the rate is that of both.")


def main():
    options = arguments()
    limit = raise_descriptor_limit()
    loads = SMOKE_LOADS if options.smoke else possible(LOADS, limit)
    try:
        servers = {name: options.folder / program for name, program in SERVERS.items()}
        table(run(servers, loads), BASELINE)
        file_reads.run(options.folder.parent / "file_reads", options.smoke)
        hand_in.run(options.folder.parent, options.smoke)
        cost.run(options.folder.parent, options.smoke)
    except (Failure, file_reads.Failure, measuring.Failure) as failure:
        print(f"FAILED: {failure}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
