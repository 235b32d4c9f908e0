#!/usr/bin/env python3
"""Fetches from servers that behave, and from some that do not, each within its time."""
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "servers"))
from page_server import Pages, serve  # noqa: E402

LARGE = bytes(range(256)) * 2000


class TestPages(Pages):
    protocol_version = "HTTP/1.1"
    pages = {"/": b"root", "/large": LARGE, "/empty": b"", "/query?a=b": b"asked"}

    def do_GET(self):
        if self.path == "/chunked":
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"5\r\nhello\r\nA;x=y\r\n0123456789\r\n0\r\nTrailer: t\r\n\r\n")
        elif self.path == "/to-the-end":
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"x" * 100_000)
        elif self.path == "/slow":
            time.sleep(60)
        elif self.path == "/cut":
            self.send_response(200)
            self.send_header("Content-Length", "100")
            self.end_headers()
            self.wfile.write(b"x" * 50)
        elif self.path in self.pages:
            self.send_response(200)
            self.send_header("Content-Length", str(len(self.pages[self.path])))
            self.end_headers()
            self.wfile.write(self.pages[self.path])
        else:
            self.send_error(404)
        self.close_connection = True


def has_ipv6():
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
        return True
    except OSError:
        return False


def fetch(program, *arguments):
    """(status, {url: result})"""
    ran = subprocess.run([program, *arguments], text=True, capture_output=True, timeout=100)
    assert ran.returncode in (0, 1), ran
    return ran.returncode, dict(re.match(r"(\S+): (.*)", line).groups() for line in ran.stdout.splitlines())


def plain_pages(program):
    root = f"http://127.0.0.1:{serve(TestPages)}"
    sizes = {"/": 4, "/large": len(LARGE), "/empty": 0, "/query?a=b": 5, "/chunked": 15, "/to-the-end": 100_000,
             "/#fragment": 4, "": 4}
    status, found = fetch(program, *(root + path for path in sizes))
    assert found == {root + path: f"200, {size} bytes" for path, size in sizes.items()}, found
    assert status == 0
    status, found = fetch(program, "--at-once", "7", *(f"{root}/?{number}" for number in range(100)))
    assert status == 1 and len(found) == 100 and all(result.startswith("404") for result in found.values())


def told_once(answer, host="127.0.0.1"):
    """(the URL of a server that answers once, a function for what it was asked)"""
    listener = socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    asked = []

    def serve_one():
        with listener, listener.accept()[0] as client:
            while b"\r\n\r\n" not in b"".join(asked):
                asked.append(client.recv(4096))
            client.sendall(answer)

    thread = threading.Thread(target=serve_one, daemon=True)
    thread.start()
    name = f"[{host}]" if ":" in host else host
    return f"http://{name}:{listener.getsockname()[1]}", lambda: thread.join() or b"".join(asked)


def the_host_is_named(program):
    for host in ("127.0.0.1", "::1") if has_ipv6() else ("127.0.0.1",):
        url, asked = told_once(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", host)
        assert fetch(program, url)[1] == {url: "200, 0 bytes"}
        assert b"\r\nHost: %s\r\n" % url.removeprefix("http://").encode() in asked(), asked()


def no_framing_is_taken_for_a_page(program):
    chunks = b"\r\n\r\n2\r\nok\r\n0\r\n\r\n"
    for fields, expected in (
            (b"Transfer-Encoding: Chunked" + chunks, "200, 2 bytes"),
            (b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nok", "200, 2 bytes"),
            (b"Transfer-Encoding: gzip, chunked" + chunks, "other than chunked"),
            (b"Transfer-Encoding: identity" + chunks, "other than chunked"),
            (b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked" + chunks, "other than chunked"),
            (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity" + chunks, "other than chunked"),
            (b"Transfer-Encoding : chunked" + chunks, "odd name"),
            (b"Content-Length: 5\r\nContent-Length: 2\r\n\r\nok", "two content-lengths"),
            (b"Content-Length: 2, 5\r\n\r\nok", "bad content-length")):
        url, _ = told_once(b"HTTP/1.1 200 OK\r\n" + fields)
        found = fetch(program, url)[1]
        assert expected in found[url], (fields, found)


def bad_pages(program):
    root = f"http://127.0.0.1:{serve(TestPages)}"
    with socket.create_server(("127.0.0.1", 0)) as silent, socket.create_server(("127.0.0.1", 0)) as unused:
        nobody = f"http://127.0.0.1:{unused.getsockname()[1]}/"
        unused.close()
        mute = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        begun = time.monotonic()
        status, found = fetch(program, "--each-ms", "300", "--most-bytes", "10000", root + "/slow", root + "/cut",
                              root + "/large", root + "/chunked", nobody, mute, "ftp://a/", "http:///", "nonsense", "http://a:b/")
        assert time.monotonic() - begun < 30 and status == 1
    for url, expected in ((root + "/slow", "timed out"), (root + "/cut", "End of stream"),
                          (root + "/large", "more than the limit"), (root + "/chunked", "200, 15 bytes"),
                          (nobody, "refused"), (mute, "timed out"), ("ftp://a/", "neither http"),
                          ("http:///", "no host"), ("nonsense", "neither http"), ("http://a:b/", "odd port")):
        assert expected in found[url], (url, found)
    status, found = fetch(program, "--all-ms", "300", "--at-once", "1", root + "/slow", root + "/")
    assert found == {root + "/slow": "timed out", root + "/": "not begun in time"}, found


def secure_pages(program):
    with tempfile.TemporaryDirectory() as folder:
        certificate = [str(pathlib.Path(folder) / name) for name in ("certificate.pem", "key.pem")]
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-days", "1", "-subj", "/CN=test", "-addext", "subjectAltName=DNS:localhost",
                        "-out", certificate[0], "-keyout", certificate[1]], check=True, capture_output=True)
        port = serve(TestPages, certificate)
        good, other = f"https://localhost:{port}/large", f"https://127.0.0.1:{port}/large"
        status, found = fetch(program, "--authorities", certificate[0], good, other)
        assert found[good] == f"200, {len(LARGE)} bytes", found
        assert "IP address mismatch" in found[other] and status == 1, found
        _, found = fetch(program, good)
        assert "self-signed certificate" in found[good], found


def main(program):
    plain_pages(program)
    the_host_is_named(program)
    no_framing_is_taken_for_a_page(program)
    bad_pages(program)
    secure_pages(program)


main(sys.argv[1])
