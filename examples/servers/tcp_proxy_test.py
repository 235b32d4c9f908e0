#!/usr/bin/env python3
"""A proxy in front of an echo server: bytes pass both ways, ends are passed on, further connections wait
while there are as many as may be, and an end leaves nobody out."""
import socket
import socketserver
import struct
import sys
import threading

from server_process import Server


class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        try:
            while data := self.request.recv(65536):
                self.request.sendall(data)
            self.request.sendall(b"the end")
        except ConnectionResetError:  # It is cut off.
            pass


def exchange(client, data):
    threading.Thread(target=client.sendall, args=(data,)).start()
    got = b""
    while len(got) < len(data):
        got += client.recv(65536)
    return got


def ended(client):
    client.shutdown(socket.SHUT_WR)
    got = b""
    while data := client.recv(100):
        got += data
    return got


def is_reset(end):
    try:
        return end.recv(1) != b"" and is_reset(end)
    except ConnectionResetError:
        return True


def many_bytes_and_many_clients(program, port):
    with Server(program, "--to-port", port) as proxy:
        clients = [proxy.connect() for _ in range(100)]
        for number, client in enumerate(clients):
            assert exchange(client, b"%d" % number) == b"%d" % number
        large = bytes(range(256)) * 20_000
        assert exchange(clients[0], large) == large
        for client in clients:
            assert ended(client) == b"the end"
        proxy.tell_to_end()
        assert proxy.end() == (0, ""), "an end without complaints"


def further_connections_wait(program, port):
    with Server(program, "--to-port", port, "--max-connections", "2") as proxy:
        first, second, third = proxy.connect(), proxy.connect(), proxy.connect()
        assert exchange(first, b"1") == b"1" and exchange(second, b"2") == b"2"
        third.sendall(b"3")
        third.settimeout(0.2)
        try:
            third.recv(1)
            raise AssertionError("a third connection is served")
        except TimeoutError:
            pass
        third.settimeout(60)
        assert ended(first) == b"the end"
        assert third.recv(1) == b"3"


def an_end_is_waited_for_with_patience(program, port):
    with Server(program, "--to-port", port) as proxy:
        client = proxy.connect()
        assert exchange(client, b"x") == b"x"
        proxy.tell_to_end()
        assert exchange(client, b"y") == b"y"
        assert ended(client) == b"the end"
        assert proxy.end() == (0, "")
    with Server(program, "--to-port", port, "--patience-ms", "50") as proxy:
        client = proxy.connect()
        assert exchange(client, b"x") == b"x"
        proxy.tell_to_end()
        status, complaints = proxy.end()
        assert status == 1 and "patience" in complaints, complaints
        assert is_reset(client)


def what_is_cut_off_looks_like_it(program):
    with socket.create_server(("127.0.0.1", 0)) as behind, \
            Server(program, "--to-port", str(behind.getsockname()[1])) as proxy:
        for downwards in (False, True):
            near = proxy.connect()
            far, _ = behind.accept()
            far.settimeout(60)
            sender, receiver = (far, near) if downwards else (near, far)
            sender.sendall(b"half of")
            assert receiver.recv(100) == b"half of"
            sender.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sender.close()
            assert is_reset(receiver)
            receiver.close()


def nobody_behind_it_is_told(program, port):
    with Server(program, "--to-port", port) as proxy, proxy.connect() as client:
        try:
            assert client.recv(1) == b""
        except ConnectionResetError:
            pass
        proxy.tell_to_end()
        status, complaints = proxy.end()
        assert status == 0 and "refused" in complaints, complaints


def main(program):
    socketserver.ThreadingTCPServer.daemon_threads = True
    socketserver.ThreadingTCPServer.request_queue_size = 1000
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Echo) as echo:
        threading.Thread(target=echo.serve_forever, daemon=True).start()
        port = str(echo.server_address[1])
        many_bytes_and_many_clients(program, port)
        further_connections_wait(program, port)
        an_end_is_waited_for_with_patience(program, port)
        echo.shutdown()
    what_is_cut_off_looks_like_it(program)
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = str(unused.getsockname()[1])
    nobody_behind_it_is_told(program, port)


main(sys.argv[1])
