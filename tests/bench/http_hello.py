#!/usr/bin/env python3
"""Drives the main job's HTTP server on ramie, on its peers, and as a hand-written epoll loop with wrk, side
by side: keep-alive requests, or with --churn a connection for each request.

Builds them in release mode; what cannot be built here is named and left out, unless --server asks for it.
Before anything is measured, each has to answer some requests as the epoll loop does, byte for byte. As in
the main job, each server has one worker and one core, wrk the other, rounds are interleaved, and every
figure is the median of the rounds. There wrk is often the slower side; `taskset -c 0` in front of it all
puts both on one core, where the rate counts all that a request costs.
"""
import argparse
import pathlib
import socket
import subprocess
import sys

import peers

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "examples/main_job"))
import main_job  # noqa: E402

REFERENCE = "epoll"
SERVERS = {
    REFERENCE: "examples/http_server/http_epoll_server",
    "ramie": "examples/http_server/http_fiber_server",
    "boost_fiber": "bench/http_boost_fiber_server",
    "go": "bench/http_go_server",
    "tokio": "bench/http_tokio_server",
    "asio": "bench/http_asio_server",
}
CHURN_CONNECTIONS = (64,)  # at a time
SMOKE_CONNECTIONS = (8,)

# Whoever closes first remembers the connection for a minute (TIME_WAIT). The server says that it will close,
# and does so at once; wrk does when it has read that. If the server was first, wrk's port is free again, and
# a later connection from there takes the place of the remembered one. If wrk was, Linux gives the port out
# again after a second, on the loopback interface (tcp_tw_reuse is 2). So some 28,000 ports do for 28,000
# connections a second; where none is free, connect fails, and that is an error of the run.
CHURN = ("-H", "Connection: close")

# Each leads to the server's closing, after its last byte.
QUESTIONS = (
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\nconnection:\tClose \r\n\r\n",
    b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET / HTTP/1.0\r\n\r\n",
    b"POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
    b"GET / HTTP/1.1\r\nContent-Length: 5\r\n\r\n",
    b"GET / HTTP/1.1\r\nNo field\r\n\r\n",
    b"GET / HTTP/2.0\r\n\r\n",
    b"GET /" + 4091 * b"a",
)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true",
                        help="one short round with few connections, keep-alive and churn")
    parser.add_argument("--churn", action="store_true", help="a connection for each request")
    parser.add_argument("--server", action="append", choices=SERVERS,
                        help="only this one beside the baseline; it must be installed")
    parser.add_argument("--baseline", choices=SERVERS, default=REFERENCE)
    parser.add_argument("--connections", type=int, action="append", help="only so many at a time")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3, help="wrk's time per server and round")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build-bench")
    return parser.parse_args()


def build(folder, wanted):
    """Those of the wanted servers that are not there: {name: why}."""
    subprocess.run(["cmake", "-S", ROOT, "-B", folder, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release",
                    "-DRAMIE_TESTS=OFF", "-DRAMIE_BENCH=ON", "-DRAMIE_EXAMPLES=ON"],
                   check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["ninja", "-C", folder, "http_servers"], check=True)
    missing = {}
    for name in wanted:
        try:
            if name in peers.BUILDERS:
                peers.build(name, folder / "bench")
            elif not (folder / SERVERS[name]).exists():
                raise peers.Missing("its headers are not installed")
        except peers.Missing as reason:
            missing[name] = reason
    return missing


def answer(port, question):
    """All that the server says until it closes. The question comes in pieces."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as peer:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(0, len(question), 7):
            peer.sendall(question[at:at + 7])
        return b"".join(iter(lambda: peer.recv(4096), b""))


def answers(program):
    server = main_job.Server(program, main_job.cores()[0])
    try:
        return [answer(server.port, question) for question in QUESTIONS]
    finally:
        server.end()


def compare_answers(servers, reference):
    expected = answers(reference)
    for name, program in servers.items():
        for question, here, there in zip(QUESTIONS, answers(program), expected):
            if here != there:
                raise main_job.Failure(f"{name} answers {question!r}\nwith {here!r}\n"
                                       f"and {REFERENCE} with {there!r}")


def kernel_counts():
    """Of this machine's TCP: the connections taken in, and those dropped for want of room in a backlog."""
    counts = {}
    for path in ("/proc/net/snmp", "/proc/net/netstat"):
        lines = [line.split() for line in pathlib.Path(path).read_text().splitlines()]
        for names, values in zip(lines[::2], lines[1::2]):
            counts.update({names[0] + name: int(value) for name, value in zip(names[1:], values[1:])})
    return counts["Tcp:PassiveOpens"], counts["TcpExt:ListenDrops"]


def measure_churn(program, connections, seconds):
    """As main_job.measure; wrk's latency is from the request to the reply, without the connect."""
    opened, dropped = kernel_counts()
    figures = main_job.measure(program, connections, seconds, *CHURN)
    opened_after, dropped_after = kernel_counts()
    if opened_after - opened < figures["requests"]:
        raise main_job.Failure(f"{figures['requests']} requests came over {opened_after - opened} "
                               f"connections to {program.name}")
    figures["errors"] += dropped_after - dropped
    return figures


def hello(servers, loads, baseline):
    main_job.table(main_job.run(servers, loads), baseline)


def churn(servers, loads, baseline):
    found = main_job.run(servers, loads, measure_churn)
    main_job.table(found, baseline, "connection")
    errors = sum(figures["errors"] for rounds in found.values() for figures in rounds)
    if errors:
        raise main_job.Failure(f"{errors} connections or requests failed")


def run(options, servers):
    def loads(counts):
        if options.smoke:
            return [(count, 1, 1) for count in SMOKE_CONNECTIONS]
        return main_job.possible([(count, options.rounds, options.seconds)
                                  for count in options.connections or counts], limit)

    limit = main_job.raise_descriptor_limit()
    compare_answers(servers, options.build / SERVERS[REFERENCE])
    if options.smoke or not options.churn:
        hello(servers, loads([count for count, _, _ in main_job.LOADS]), options.baseline)
    if options.smoke or options.churn:
        churn(servers, loads(CHURN_CONNECTIONS), options.baseline)


def main():
    options = arguments()
    wanted = [name for name in SERVERS if name in {*(options.server or SERVERS), options.baseline}]
    try:
        missing = build(options.build, wanted)
        for name, reason in missing.items():
            print(f"Left out: {name}: {reason}", flush=True)
        if missing.keys() & {*(options.server or ()), options.baseline}:
            return 1
        run(options, {name: options.build / SERVERS[name] for name in wanted if name not in missing})
    except (main_job.Failure, subprocess.CalledProcessError, OSError) as failure:
        print(f"FAILED: {failure}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
