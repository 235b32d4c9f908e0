#!/usr/bin/env python3
"""Runs a server out of descriptors: it serves the connections that it has, does not spin, says so, goes on
when there are descriptors again, and stops when told to, even while there are none."""
import os
import pathlib
import re
import resource
import signal
import socket
import subprocess
import sys
import time

LIMIT = 24
CLIENTS = 40
REQUEST = b"GET / HTTP/1.1\r\nHost: test\r\n\r\n"
PAUSE = 1.0


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def until(condition):
    while not condition():
        time.sleep(0.01)


def exchange(client):
    client.sendall(REQUEST)
    reply = client.recv(4096)
    assert reply.startswith(b"HTTP/1.1 200"), reply


def connect(port, count):
    return [socket.create_connection(("127.0.0.1", port)) for _ in range(count)]


def main(program):
    limit = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (LIMIT, LIMIT))
    server = subprocess.Popen([program, "--port", "0", "--workers", "1"], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, preexec_fn=limit)
    try:
        port = int(re.search(r"\d+", server.stdout.readline()).group())
        first, = connect(port, 1)
        exchange(first)  # From here on the server has all the descriptors that it needs itself.
        room = LIMIT - descriptors(server.pid) + 1
        first.close()

        clients = connect(port, CLIENTS)
        until(lambda: descriptors(server.pid) == LIMIT)
        lucky, waiting = clients[:room], clients[room:]
        for client in lucky:
            exchange(client)

        used = cpu_seconds(server.pid)
        time.sleep(PAUSE)
        share = (cpu_seconds(server.pid) - used) / PAUSE
        assert share < 0.3, f"{share:.0%} of a core while there is nothing to do"

        for client in lucky:
            exchange(client)
            client.close()
        for client in waiting:
            exchange(client)
            client.close()

        clients = connect(port, CLIENTS)
        until(lambda: descriptors(server.pid) == LIMIT)
        server.send_signal(signal.SIGTERM)
        _, said = server.communicate(timeout=60)
        assert server.returncode == 0, server.returncode
        assert "Too many open files" in said, said
    finally:
        server.kill()
        server.wait()


if __name__ == "__main__":
    main(sys.argv[1])
