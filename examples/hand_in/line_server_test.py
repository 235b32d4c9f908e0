#!/usr/bin/env python3
"""Runs a line server: every line is acknowledged, also when the server is told to end meanwhile; slow
processing holds the sender back; a peer that breaks the protocol, or does not end, is cut off alone."""
import pathlib
import re
import socket
import subprocess
import sys
import zlib

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "servers"))
import server_process  # noqa: E402

LINES = 400


class Server(server_process.Server):
    def end(self):
        """(status, lines acknowledged, complaints)"""
        said, complaints = self.process.communicate(timeout=60)
        found = re.search(r"acknowledged (\d+)", said)
        return self.process.returncode, int(found.group(1)) if found else None, complaints


def start_client(program, port, *options):
    return subprocess.Popen([program, "--port", str(port), *options], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)


def acknowledged(peer, number):
    text = b"some text"
    peer.sendall(b"%d %s\n" % (number, text))
    reply = peer.makefile("rb").readline()
    return reply == b"%d %08x\n" % (number, zlib.crc32(text))


def every_line_is_acknowledged(server_program, client_program):
    with Server(server_program) as server:
        client = start_client(client_program, server.port, "--samples", "50", "--batches", "5",
                              "--connections", "8")
        said, complaints = client.communicate(timeout=60)
        assert client.returncode == 0, complaints
        assert all(name in said for name in ("latency_p50", "latency_p99", "throughput")), said
        server.tell_to_end()
        assert server.end() == (0, 50 + 5 * 8 * 16, ""), "an end without complaints"


def end_is_graceful_and_sender_is_held_back(server_program, client_program):
    with Server(server_program, "--processing-us", "1000") as server:
        client = start_client(client_program, server.port, "--flood", str(LINES))
        assert client.stdout.readline() == "# the flood is under way\n"
        server.tell_to_end()
        said, complaints = client.communicate(timeout=60)
        assert client.returncode == 0, complaints
        assert server.end() == (0, LINES, ""), "all that was sent is acknowledged"
        ahead = float(re.search(r"most_ahead ([\d.]+)", said).group(1))
        assert ahead < LINES / 2, f"{ahead} lines ahead of a slow server"


def breach_ends_one_connection(server_program, _):
    with Server(server_program) as server:
        with server.connect() as bad, server.connect() as good:
            assert acknowledged(good, 1)
            bad.sendall(b"no number\n")
            assert bad.recv(100) == b""
            with server.connect() as endless:
                try:
                    endless.sendall(b"1 " + b"x" * 100_000)
                    assert endless.recv(100) == b""
                except ConnectionError:
                    pass  # It was closed with bytes unread.
            assert acknowledged(good, 2)
        server.tell_to_end()
        status, count, complaints = server.end()
        assert (status, count) == (0, 2), (status, count)
        assert "a line without a number" in complaints, complaints
        assert "a line is too long" in complaints, complaints


def patience_ends(server_program, _):
    with Server(server_program, "--patience-ms", "50") as server, server.connect() as peer:
        assert acknowledged(peer, 1)
        server.tell_to_end()
        assert peer.recv(100) == b""
        status, _, complaints = server.end()
        assert status == 1 and "clients were cut off" in complaints, (status, complaints)


def those_without_a_descriptor_wait(server_program, _):
    with Server(server_program, open_files=(24, 24)) as server:
        clients = [server.connect() for _ in range(40)]
        for number, client in enumerate(clients):
            assert acknowledged(client, number)
            client.close()
        server.tell_to_end()
        status, count, complaints = server.end()
        assert (status, count) == (0, 40), (status, count)
        assert "Too many open files" in complaints, complaints


def port_is_taken(server_program, _):
    with Server(server_program) as server:
        second = subprocess.run([server_program, "--port", str(server.port)], timeout=60, check=False,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert second.returncode == 1 and "Address already in use" in second.stderr, second


def client_notices(answer, complaint):
    def lie(_, client_program):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            client = start_client(client_program, listener.getsockname()[1], "--samples", "1")
            peer, _ = listener.accept()
            with peer:
                peer.recv(4096)
                peer.sendall(answer)
                peer.shutdown(socket.SHUT_WR)
                _, complaints = client.communicate(timeout=60)
        assert client.returncode == 1 and complaint in complaints, (client.returncode, complaints)
    return lie


CASES = {
    "acknowledges": every_line_is_acknowledged,
    "graceful": end_is_graceful_and_sender_is_held_back,
    "breach": breach_ends_one_connection,
    "patience": patience_ends,
    "port_taken": port_is_taken,
    "out_of_descriptors": those_without_a_descriptor_wait,
    "client_wrong_crc": client_notices(b"0 00000000\n", "an acknowledgement has the line's CRC"),
    "client_unsent": client_notices(b"7 00000000\n", "an acknowledged line was sent"),
    "client_early_end": client_notices(b"", "before it closes"),
}

if __name__ == "__main__":
    CASES[sys.argv[1]](sys.argv[2], sys.argv[3])
