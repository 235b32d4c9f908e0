#!/usr/bin/env python3
"""Datagrams of every size come back to whoever sent them."""
import socket
import sys

from server_process import Server


def main(program):
    with Server(program) as server:
        clients = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(20)]
        for number, client in enumerate(clients):
            client.settimeout(60)
            client.connect(("127.0.0.1", server.port))
            client.send(b"client %d" % number)
        for number, client in enumerate(clients):
            assert client.recv(100) == b"client %d" % number
        for size in (0, 1, 1500, 9000, 65507):
            clients[0].send(b"x" * size)
            assert clients[0].recv(65535) == b"x" * size, size
        server.tell_to_end()
        assert server.end() == (0, ""), "an end without complaints"


main(sys.argv[1])
