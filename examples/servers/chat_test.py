#!/usr/bin/env python3
"""A chat: everybody hears everybody else, names are unique, and who breaks the rules leaves alone."""
import socket
import sys

from server_process import Server


class Member:
    def __init__(self, server, name):
        self.socket = server.connect()
        self.lines = self.socket.makefile("r", newline="\n")
        assert self.hears() == "* your name?"
        self.says(name)

    def says(self, text):
        self.socket.sendall(text.encode() + b"\n")

    def hears(self):
        return self.lines.readline().rstrip("\n")

    def leaves(self):
        self.lines.close()
        self.socket.close()


def conversation(server):
    ada = Member(server, "ada")
    assert ada.hears() == "* here: ada"
    bob = Member(server, "bob")
    assert bob.hears() == "* here: ada bob"
    assert ada.hears() == "bob: * has come"
    ada.says("hello")
    assert bob.hears() == "ada: hello"
    bob.says("hello yourself")
    assert ada.hears() == "bob: hello yourself"
    again = Member(server, "ada")
    assert again.hears() == "* the name is taken"
    assert again.hears() == ""
    # It is read on for a while, or the answer might be lost. More than the socket's buffers take in.
    again.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 14)
    again.socket.sendall(b"x" * (1 << 20))
    loud = Member(server, "loud")
    assert loud.hears() == "* here: ada bob loud"
    assert ada.hears() == "loud: * has come" and bob.hears() == "loud: * has come"
    loud.says("x" * 2000)
    assert loud.hears() == "* too long a line"
    assert loud.hears() == ""
    assert ada.hears() == "loud: * has left" and bob.hears() == "loud: * has left"
    ada.leaves()
    assert bob.hears() == "ada: * has left"


def crowd(server):
    members = []
    for number in range(100):
        newest = Member(server, f"m{number}")
        assert newest.hears().startswith("* here:")
        for earlier in members:
            assert earlier.hears() == f"m{number}: * has come"
        members.append(newest)
    for number, member in enumerate(members):
        member.says("I am here")
        for other in members:
            assert other is member or other.hears() == f"m{number}: I am here"
    return members


def large_room(server):
    ada = Member(server, "ada")
    assert ada.hears() == "* here: ada"
    bob = Member(server, "bob")
    assert bob.hears() == "* here: ada bob" and ada.hears() == "bob: * has come"
    eve = Member(server, "eve")
    assert eve.hears() == "* here: 3 members"
    eve.says("hello")
    assert ada.hears() == "eve: hello" and bob.hears() == "eve: hello"
    eve.leaves()
    bob.says("one less")
    assert ada.hears() == "bob: one less"


def all_come_at_once(server):
    sockets = [server.connect() for _ in range(300)]
    for number, each in enumerate(sockets):
        each.sendall(b"m%d\n" % number)
    files = [each.makefile("r", newline="\n") for each in sockets]
    for lines in files:
        assert lines.readline() == "* your name?\n" and lines.readline().startswith("* here:")
    sockets[0].sendall(b"nobody was too slow\n")
    for lines in files[1:]:
        while (said := lines.readline()).endswith(": * has come\n"):
            pass
        assert said == "m0: nobody was too slow\n", said


def main(program):
    with Server(program, "--introduce", "2") as server:
        large_room(server)
    with Server(program, "--introduce", "300") as server:
        all_come_at_once(server)
    for workers in ("1", "2"):
        with Server(program, "--workers", workers) as server:
            conversation(server)
        with Server(program, "--workers", workers) as server:
            members = crowd(server)
            server.tell_to_end()
            assert server.end() == (0, ""), "an end without complaints"
            assert all(member.hears() == "" for member in members)


main(sys.argv[1])
