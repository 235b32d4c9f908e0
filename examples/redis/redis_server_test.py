#!/usr/bin/env python3
"""The server beside Redis's own clients, redis-cli and redis-benchmark, and beside what no good client
would send."""
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "servers"))
from server_process import Server  # noqa: E402

SPOKEN = [
    ("PING", "PONG"), ("PING hello", "hello"), ("SET a 1", "OK"), ("GET a", "1"), ("GET none", ""),
    ("INCR a", "2"), ("INCRBY a 40", "42"), ("DECR a", "41"), ("SET text hello", "OK"),
    ("INCR text", "ERR value is not an integer or out of range"), ("SET a 5 NX", ""), ("SET a 5 XX", "OK"),
    ("SET most 9223372036854775807", "OK"), ("INCR most", "ERR increment or decrement would overflow"),
    ("LPUSH list x y", "2"), ("RPUSH list z", "3"), ("LLEN list", "3"), ("LRANGE list 0 -1", "y\nx\nz"),
    ("LRANGE list 5 9", ""), ("LPOP list", "y"), ("RPOP list", "z"), ("LPOP list 9", "x"), ("LPOP list", ""),
    ("GET list", ""), ("LPUSH text x", "WRONGTYPE Operation against a key holding the wrong kind of value"),
    ("MSET k1 v1 k2 v2", "OK"), ("GET k2", "v2"), ("EXISTS k1 k2 k3", "2"), ("DEL k1 k2 k3", "2"),
    ("MSET k1 v1 k2", "ERR wrong number of arguments for 'mset' command"),
    ("GET", "ERR wrong number of arguments for 'GET' command"), ("NONSENSE", "ERR unknown command 'NONSENSE'"),
    ("DBSIZE", "3"), ("FLUSHALL", "OK"), ("DBSIZE", "0"), ("ECHO 'two words'", "two words"),
]


def redis_cli_is_answered(server):
    script = "\n".join(line for line, _ in SPOKEN) + "\n"
    said = subprocess.run(["redis-cli", "-p", str(server.port)], input=script, text=True, check=True,
                          capture_output=True, timeout=60)
    # An error is followed by an empty line there.
    expected = "".join(reply + ("\n\n" if reply.startswith(("ERR", "WRONGTYPE")) else "\n")
                       for _, reply in SPOKEN)
    assert said.stdout == expected, (said.stdout, expected)


def redis_benchmark_runs(server, clients, pipelined):
    said = subprocess.run(["redis-benchmark", "-p", str(server.port), "-n", "5000", "-c", str(clients), "-P",
                           str(pipelined), "-q", "-t", "ping,set,get,incr,lpush,lpop,mset"],
                          text=True, check=True, capture_output=True, timeout=100)
    assert "rror" not in said.stdout + said.stderr, said
    assert said.stdout.count("requests per second") == 8, said.stdout


def replies_to(server, sent, until_end=False):
    with server.connect() as client:
        client.sendall(sent)
        if until_end:
            client.shutdown(1)
        got = b""
        while data := client.recv(65536):
            got += data
        return got


def odd_clients_are_told(server):
    for bad, complaint in ((b"*1\r\n:3\r\n", b"expected '$'"), (b"*x\r\n", b"invalid multibulk length"),
                           (b"*1\r\n$-5\r\n", b"invalid bulk length"),
                           (b"*1\r\n$9999999999\r\n", b"invalid bulk length"),
                           (b"*1\r\n$4\r\nPINGxx", b"expected the end of a line"),
                           (b"*99999999\r\n", b"invalid multibulk length"),
                           (b"x" * (1 << 21), b"too big a request")):
        try:
            got = replies_to(server, bad)
        except (ConnectionResetError, BrokenPipeError):
            continue  # It was told, and sent on all the same.
        assert got.startswith(b"-ERR Protocol error: " + complaint), (bad[:40], got)
    assert replies_to(server, b"PING\r\n\r\n  ping   x \r\n", True) == b"+PONG\r\n$1\r\nx\r\n"
    assert replies_to(server, b"NO\rSUCH\r\n", True) == b"-ERR unknown command 'NO SUCH'\r\n"
    # A half command does not hold back the replies to whole ones.
    with server.connect() as client:
        client.sendall(b"PING\r\n*2\r\n$4\r\nEC")
        assert client.recv(100) == b"+PONG\r\n"
        client.sendall(b"HO\r\n$2\r\nhi\r\n")
        assert client.recv(100) == b"$2\r\nhi\r\n"


def main(program):
    for workers in ("1", "2"):
        with Server(program, "--workers", workers) as server:
            redis_cli_is_answered(server)
            odd_clients_are_told(server)
            redis_benchmark_runs(server, 50, 1)
            redis_benchmark_runs(server, 20, 16)
            idle = server.connect()
            server.tell_to_end()
            status, _ = server.end()
            assert status == 0 and idle.recv(1) == b""


main(sys.argv[1])
