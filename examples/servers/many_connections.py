#!/usr/bin/env python3
"""Many connections at once to each server of the examples, from clients in processes of their own. All are open
before the first request; each connection is answered twice, byte for byte, while all the others are open; then
they close, the server is asked once more, told to end, and must end without complaints.

    many_connections.py BUILD/examples [NAME ...] [--connections 10000] [--clients 4]

The server starts with the usual soft limit of 1,024 descriptors, which it is to raise by itself. In the chat a
connection's request is its name, and each round's is what one member says, which all others must hear once."""
import argparse
import asyncio
import collections
import contextlib
import functools
import multiprocessing
import os
import pathlib
import re
import resource
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import traceback
import zlib

from server_process import Server

PATIENCE = 600
SPARE = 100  # Descriptors that are no connections.
PROGRAMS = {"line": "hand_in/hand_in_line_fiber_server", "http": "http_server/http_fiber_server",
            "web": "web_server/web_server", "web_tls": "web_server/web_server", "chat": "servers/chat",
            "tcp_proxy": "servers/tcp_proxy", "redis": "redis/redis_server", "udp_echo": "servers/udp_echo"}


# --- the clients

def line_talk(number, turn):
    text = b"connection %d, turn %d" % (number, turn)
    return b"%d %s\n" % (number, text), b"%d %08x\n" % (number, zlib.crc32(text))


def http_talk(_number, _turn):
    return (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 14\r\n\r\nHello, world!\n")


def web_talk(number, turn):
    text = b"connection %d, turn %d" % (number, turn)
    return (b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s" % (len(text), text),
            b"HTTP/1.1 200 OK\r\nServer: ramie\r\nConnection: keep-alive\r\nContent-Type: text/plain; "
            b"charset=utf-8\r\nContent-Length: %d\r\n\r\n%s" % (len(text), text))


def redis_talk(number, turn):
    """Each sets a key of its own, then asks for it."""
    key, value = b"key%06d" % number, b"value%06d" % number
    if turn % 2 == 1:
        return b"*3\r\n$3\r\nSET\r\n$9\r\n%s\r\n$11\r\n%s\r\n" % (key, value), b"+OK\r\n"
    return b"*2\r\n$3\r\nGET\r\n$9\r\n%s\r\n" % key, b"$11\r\n%s\r\n" % value


def datagram_talk(number, turn):
    text = b"socket %d, turn %d" % (number, turn)
    return text, text


class Streams:
    """Connections by their numbers, each of which is asked and answers as `talk` says."""
    asked_at_once = 10_000

    def __init__(self, port, talk, context=None):
        self.port = port
        self.talk = talk
        self.context = context
        self.peers = {}
        self.repeated = 0

    async def open(self, number):
        name = "localhost" if self.context else None
        self.peers[number] = await asyncio.open_connection("127.0.0.1", self.port, ssl=self.context,
                                                           server_hostname=name)

    async def ask(self, number, turn):
        reader, writer = self.peers[number]
        request, reply = self.talk(number, turn)
        writer.write(request)
        got = await reader.readexactly(len(reply))
        assert got == reply, (number, turn, got)

    async def close(self, number):
        reader, writer = self.peers.pop(number)
        writer.close()
        await writer.wait_closed()
        assert not await reader.read(), "more than was asked for"

    async def probe(self, number):
        await self.open(number)
        await self.ask(number, 1)
        await self.close(number)


class Members(Streams):
    """Of the chat. The first and the last one speak, by turns."""

    def __init__(self, port, count):
        super().__init__(port, None)
        self.count = count

    async def open(self, number):
        await super().open(number)
        reader, writer = self.peers[number]
        assert await reader.readline() == b"* your name?\n"
        writer.write(b"m%d\n" % number)
        said = await self.hears(number)
        named = re.fullmatch(rb"\* here:((?: m\d+)*)\n", said)
        assert (b" m%d " % number in named[1] + b" ") if named else re.fullmatch(rb"\* here: \d+ members\n", said)

    async def hears(self, number):
        """The next line that is not about who comes."""
        while re.fullmatch(rb"m\d+: \* has come\n", said := await self.peers[number][0].readline()):
            pass
        return said

    async def ask(self, number, turn):
        speaker = 0 if turn % 2 == 1 else self.count - 1
        text = b"said in turn %d\n" % turn
        if number == speaker:
            self.peers[number][1].write(text)
        else:
            said = await self.hears(number)
            assert said == b"m%d: %s" % (speaker, text), (number, turn, said)

    async def close(self, number):
        self.peers.pop(number)[1].close()

    async def probe(self, number):
        await self.open(number)
        await self.close(number)


class Datagrams(Streams):
    """Sockets that send datagrams. What is lost is sent again."""
    asked_at_once = 32

    async def open(self, number):
        peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        peer.setblocking(False)
        peer.connect(("127.0.0.1", self.port))
        self.peers[number] = peer

    async def ask(self, number, turn):
        request, reply = self.talk(number, turn)
        earlier = [self.talk(number, before)[1] for before in range(1, turn)]
        peer = self.peers[number]
        while True:
            peer.send(request)
            try:
                got = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(peer, 2048), 1)
                while got in earlier:
                    got = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(peer, 2048), 1)
                break
            except asyncio.TimeoutError:
                self.repeated += 1
        assert got == reply, (number, turn, got)

    async def close(self, number):
        self.peers.pop(number).close()


async def for_all(call, numbers, at_once):
    gate = asyncio.Semaphore(at_once)

    async def one(number):
        async with gate:
            await call(number)
    await asyncio.gather(*(one(number) for number in numbers))


async def play(crowd, numbers, barrier):
    async def meet():
        await asyncio.get_running_loop().run_in_executor(None, barrier.wait, PATIENCE)
    await for_all(crowd.open, numbers, 100)
    await meet()  # All are open,
    await meet()  # and counted.
    for turn in (1, 2):
        await for_all(functools.partial(crowd.ask, turn=turn), numbers, crowd.asked_at_once)
        await meet()
    await meet()  # Counted again.
    await for_all(crowd.close, numbers, 100)
    if crowd.repeated:
        print(f"  {crowd.repeated} datagrams were lost and sent again", flush=True)


def run_client(make_crowd, numbers, barrier):
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    try:
        asyncio.run(play(make_crowd(), numbers, barrier))
    except BaseException:
        barrier.abort()
        traceback.print_exc()
        sys.exit(1)


# --- the servers

class Watched(Server):
    def __init__(self, program, *options):
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        super().__init__(program, *options, open_files=(1024, most))

    def connections(self):
        """Its sockets, but for the one that it listens on."""
        folder = f"/proc/{self.process.pid}/fd"
        count = -1
        for each in os.listdir(folder):
            with contextlib.suppress(FileNotFoundError):  # It has just closed.
                count += os.readlink(f"{folder}/{each}").startswith("socket:")
        return count

    def await_connections(self, count):
        begun = time.monotonic()
        while self.connections() != count:
            assert time.monotonic() - begun < PATIENCE, f"{self.connections()} connections instead of {count}"
            time.sleep(0.01)

    def memory(self):
        """In KiB, of what is in use."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1])


def certificate(folder):
    files = [f"{folder}/certificate.pem", f"{folder}/key.pem"]
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-days", "1", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-out",
                    files[0], "-keyout", files[1]], check=True, capture_output=True, timeout=60)
    return files


Case = collections.namedtuple("Case", "server crowd sockets_each others")


@contextlib.contextmanager
def case_of(name, programs, count):
    """The server, running; how to make clients for it; the servers behind it."""
    program = programs / PROGRAMS[name]
    talks = {"line": line_talk, "http": http_talk, "web": web_talk, "redis": redis_talk}
    # Nobody is cut off for having waited for all the others.
    web = ("--root", "/", "--idle-ms", "600000")
    with contextlib.ExitStack() as running:
        def start(*options, of=program):
            return running.enter_context(Watched(of, *options))
        if name == "tcp_proxy":
            behind = start(of=programs / PROGRAMS["line"])
            server = start("--to-port", str(behind.port), "--max-connections", str(count + SPARE))
            yield Case(server, functools.partial(Streams, server.port, line_talk), 2, [behind])
        elif name == "chat":
            server = start()
            yield Case(server, functools.partial(Members, server.port, count), 1, [])
        elif name == "udp_echo":
            server = start()
            yield Case(server, functools.partial(Datagrams, server.port, datagram_talk), 0, [])
        elif name == "web_tls":
            files = certificate(running.enter_context(tempfile.TemporaryDirectory()))
            server = start(*web, "--certificate", files[0], "--key", files[1])
            context = ssl.create_default_context(cafile=files[0])
            yield Case(server, functools.partial(Streams, server.port, web_talk, context), 1, [])
        else:
            server = start(*(web if name == "web" else ()))
            yield Case(server, functools.partial(Streams, server.port, talks[name]), 1, [])


def as_many_as_fit(name, count):
    """Raises the hard limit of descriptors for what is started from here if it must and may."""
    each = {"tcp_proxy": 2}.get(name, 1)
    soft, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = each * count + SPARE
    if most != resource.RLIM_INFINITY and most < needed:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, needed))
        except (ValueError, OSError):
            fit = (most - SPARE) // each
            print(f"*** {name}: ONLY {fit} CONNECTIONS INSTEAD OF {count}: the hard limit of {most} descriptors "
                  "may not be raised", flush=True)
            return fit
    return count


@contextlib.contextmanager
def clients_of(case, count, processes, barrier):
    """The client processes, which end well or are ended."""
    children = [multiprocessing.Process(target=run_client, args=(case.crowd, range(first, count, processes), barrier))
                for first in range(processes)]
    for child in children:
        child.start()
    try:
        yield
        for child in children:
            child.join(PATIENCE)
        assert all(child.exitcode == 0 for child in children), "a client has failed"
    finally:
        for child in children:
            child.kill()


def run(name, programs, count, processes):
    count = as_many_as_fit(name, count)
    with case_of(name, programs, count) as case:
        server = case.server
        asyncio.run(case.crowd().probe(count))  # From here on the server has what it needs itself.
        server.await_connections(0)
        memory = server.memory()
        barrier = multiprocessing.Barrier(processes + 1)
        times = [time.monotonic()]

        def meet():
            barrier.wait(PATIENCE)
            times.append(time.monotonic())
        with clients_of(case, count, processes, barrier):
            meet()
            server.await_connections(case.sockets_each * count)
            idle = server.memory()
            for _ in range(3):
                meet()
            assert server.connections() == case.sockets_each * count, "a connection is gone"
            served = server.memory()
            meet()
        server.await_connections(0)
        asyncio.run(case.crowd().probe(count + 1))
        for each in [server, *case.others]:
            each.tell_to_end()
            status, complaints = each.end()
            assert (status, complaints) == (0, ""), (name, status, complaints[-2000:])
    spent = [later - earlier for earlier, later in zip(times, times[1:])]
    print(f"{name}: {count} connections at once from {processes} processes; opened in {spent[0]:.1f} s, all answered "
          f"in {spent[2]:.1f} s and again in {spent[3]:.1f} s; memory per connection: "
          f"{(idle - memory) / count:.1f} KiB, {(served - memory) / count:.1f} KiB after the answers", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", type=pathlib.Path)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(PROGRAMS))
    parser.add_argument("--connections", type=int, default=10_000)
    parser.add_argument("--clients", type=int, default=4)
    options = parser.parse_args()
    chosen = options.names or PROGRAMS
    for name in chosen:
        if name not in PROGRAMS:
            parser.error(f"no server of the examples: {name}")
        if not (options.programs / PROGRAMS[name]).exists():
            parser.error(f"{options.programs / PROGRAMS[name]} is not built: ninja -C {options.programs.parent}")
    for name in chosen:
        run(name, options.programs, options.connections, options.clients)


if __name__ == "__main__":
    main()
