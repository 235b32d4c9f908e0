#!/usr/bin/env python3
"""The HTTP server before curl, wrk, h2load and openssl, and before clients that are slow, rude or
gone."""
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "servers"))
from server_process import Server, free_port  # noqa: E402

LARGE = os.urandom(3 << 20)


def run(*command, **options):
    ran = subprocess.run(command, capture_output=True, timeout=100, **options)
    assert ran.returncode == 0, ran
    return ran.stdout


def exchange(server, sent, until=None):
    """What comes until the end of the stream, or until `until`."""
    with server.connect() as client:
        client.sendall(sent)
        got = b""
        while until is None or until not in got:
            data = client.recv(65536)
            if not data:
                break
            got += data
        return got


def status_of(server, sent):
    return exchange(server, sent).split(b"\r\n")[0]


def curl_gets_files(server, folder):
    root = f"http://127.0.0.1:{server.port}"
    out = folder / "out"
    assert run("curl", "-sS", root + "/") == b"<p>home</p>"
    run("curl", "-sS", "-o", out, "-o", out, root + "/large.bin", root + "/large.bin")
    assert out.read_bytes() == LARGE
    assert run("curl", "-sS", "-w", "%{http_code} %{content_type}", "-o", out, root + "/a%20page.txt") \
        == b"200 text/plain; charset=utf-8"
    head = run("curl", "-sS", "-I", root + "/large.bin")
    assert b"Content-Length: %d" % len(LARGE) in head and b"HTTP/1.1 200 OK" in head, head
    for path, status in (("/none", b"404"), ("/folder", b"404"), ("/%2e%2e/secret", b"400"), ("/%zz", b"400"),
                         ("/a%00b", b"400")):
        assert run("curl", "-sS", "-o", out, "-w", "%{http_code}", root + path) == status, path
    assert b"secret" not in run("curl", "-sS", "--path-as-is", root + "/../secret")
    body = b"x" * 500_000  # Long enough for curl to ask whether it may (100-continue).
    (folder / "body").write_bytes(body)
    assert run("curl", "-sS", "-H", "Expect: 100-continue", "--data-binary", f"@{folder}/body",
               root + "/echo") == body
    assert run("curl", "-sS", "-H", "Transfer-Encoding: chunked", "--data-binary", f"@{folder}/body",
               root + "/echo") == body
    assert run("curl", "-sS", root + "/count/3") == b"1\n2\n3\n"
    assert run("curl", "-sS", "--http1.0", root + "/count/3") == b"1\n2\n3\n"


def requests_in_a_row(server):
    one = b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n%d"
    got = exchange(server, b"".join(one % i for i in range(10))
                   + b"GET /count/1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert got.count(b"HTTP/1.1 200 OK") == 11
    assert re.findall(rb"\r\n\r\n(\d)HTTP", got) == [b"%d" % i for i in range(10)], got
    assert got.endswith(b"2\r\n1\n\r\n0\r\n\r\n")
    # Where only its end tells the answer's, the connection stays for nobody.
    got = exchange(server, b"GET /count/2 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
                   b"GET /count/1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert b"Connection: close" in got and got.endswith(b"\r\n\r\n1\n2\n"), got


def clients_of_all_kinds_are_understood(server):
    for target in (b"http://a/?b", b"HTTP://a:80", b"https://a?b", b"/?http://a/none"):
        got = exchange(server, b"GET %s HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\n" % target)
        assert got.endswith(b"\r\n\r\n<p>home</p>"), (target, got)
    got = exchange(server, b"POST /echo HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx")
    assert got.startswith(b"HTTP/1.1 200") and got.endswith(b"\r\n\r\nx"), got


def what_is_wrong_is_said(server):
    for sent, status in ((b"GET / HTTP/9.9\r\n\r\n", b"505"), (b"nonsense\r\n\r\n", b"400"),
                         (b"GET / HTTP/1.1\r\nHost: a\r\nbad header\r\n\r\n", b"400"),
                         (b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n", b"400"),
                         (b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\nConnection: close\r\n\r\n", b"400"),
                         (b"GET http:///index.html HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", b"400"),
                         (b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\n\r\n", b"431"),
                         (b"DELETE / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", b"405"),
                         (b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n", b"413"),
                         (b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", b"400")):
        assert status in status_of(server, sent), (sent[:60], status_of(server, sent))


def no_body_is_taken_for_a_request(server):
    hidden = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    for version, coding, status in (
            (b"1.1", b"gzip", b"400"), (b"1.1", b"identity", b"400"), (b"1.1", b"xchunked", b"400"),
            (b"1.1", b'"chunked"', b"400"), (b"1.1", b"chunked, identity", b"400"),
            (b"1.1", b"chunked, chunked", b"400"), (b"1.1", b"", b"400"), (b"1.0", b"chunked", b"400"),
            (b"1.1", b"gzip\r\nContent-Length: 1", b"400"), (b"1.1", b"gzip, chunked", b"501"),
            (b"1.1", b"gzip\r\nTransfer-Encoding: chunked", b"501"), (b"1.1", b"chunked;a=b", b"501")):
        for body in (hidden, b"%x\r\n%s\r\n0\r\n\r\n" % (len(hidden), hidden)):
            got = exchange(server, b"POST /echo HTTP/%s\r\nHost: a\r\nTransfer-Encoding: %s\r\n\r\n%s"
                           % (version, coding, body))
            assert got.startswith(b"HTTP/1.1 " + status) and got.count(b"HTTP/1.1") == 1, (coding, got)


def slow_and_silent_clients_are_cut_off(program, folder):
    with Server(program, "--root", folder, "--idle-ms", "200", "--head-ms", "200", "--body-ms", "200",
                "--write-ms", "200") as server:
        assert exchange(server, b"") == b""  # Idle.
        assert b"408" in status_of(server, b"GET / HT")
        assert b"408" in status_of(server, b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabc")
        with server.connect() as dripping:
            begun = time.monotonic()
            try:
                while time.monotonic() - begun < 30:
                    dripping.sendall(b"x")
                    time.sleep(0.02)
            except OSError:
                pass
            assert time.monotonic() - begun < 20
        with socket.socket() as deaf:  # Asks for much and reads nothing.
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            deaf.connect(("127.0.0.1", server.port))
            deaf.sendall(b"GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n" * 10)
            time.sleep(1)
            got = 0
            try:
                while data := deaf.recv(65536):
                    got += len(data)
            except ConnectionResetError:
                pass
            assert got < 10 * len(LARGE), "it was waited for"
        server.tell_to_end()
        assert server.end()[0] == 0


def nobody_is_asked_for_a_body_for_ever(program, folder):
    page = b"GET /%s HTTP/1.1\r\nHost: a\r\n\r\n"
    asking = b"POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx"
    first, filling = folder / "first", folder / "filling"
    first.write_bytes(b"x" * 50_000)
    with Server(program, "--root", folder, "--workers", "1", "--write-ms", "200") as server:
        head = len(exchange(server, page.replace(b"GET", b"HEAD") % b"first", b"\r\n\r\n"))
        answer = len(exchange(server, asking, b"\r\n\r\nx"))
        # Each time the server's 64 KiB of answers are full in the middle of a "100 Continue".
        first.write_bytes(b"x" * ((64 << 10) - 10 - head))
        filling.write_bytes(b"x" * ((64 << 10) - answer - head))
        asked = page % b"first"
        while len(asked) + 200 < 16 << 10:  # What the server reads at once.
            asked += asking + page % b"filling"
        with socket.socket() as deaf:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            deaf.connect(("127.0.0.1", server.port))
            deaf.settimeout(60)
            deaf.sendall(asked)
            try:
                while True:
                    deaf.sendall(b"x" * 65536)
            except TimeoutError as late:
                raise AssertionError("it was waited for") from late
            except OSError:  # The connection is closed.
                pass
    first.unlink()
    filling.unlink()


def tools_measure_it(server):
    root = f"http://127.0.0.1:{server.port}/"
    said = run("wrk", "-t1", "-c50", "-d1s", root).decode()
    assert "Socket errors" not in said and "Non-2xx" not in said and "requests in" in said, said
    said = run("h2load", "--h1", "-n", "2000", "-c", "20", root).decode()
    assert "2000 succeeded, 0 failed" in said, said


def tls_clients_are_served(program, folder):
    certificate = [str(folder / name) for name in ("certificate.pem", "key.pem")]
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1",
        "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-out", certificate[0], "-keyout",
        certificate[1])
    with Server(program, "--root", folder, "--certificate", certificate[0], "--key", certificate[1]) as server:
        root = f"https://localhost:{server.port}"
        out = folder / "out"
        for version in ("--tlsv1.3", "--tlsv1.2"):
            run("curl", "-sS", version, "--cacert", certificate[0], "-o", out, root + "/large.bin")
            assert out.read_bytes() == LARGE
        said = run("openssl", "s_client", "-connect", f"127.0.0.1:{server.port}", "-servername", "localhost",
                   "-CAfile", certificate[0], "-alpn", "http/1.1", "-ign_eof",
                   input=b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert b"Verify return code: 0 (ok)" in said and b"<p>home</p>" in said and b"ALPN protocol: http/1.1" in said
        said = run("h2load", "--h1", "-n", "500", "-c", "10", root + "/").decode()
        assert "500 succeeded, 0 failed" in said, said
        with server.connect() as plain:
            plain.sendall(b"GET / HTTP/1.1\r\n\r\n")
            assert b"HTTP/1.1" not in plain.recv(1000)


def processes_share_a_port(program, folder):
    port = free_port()
    servers = subprocess.Popen([program, "--port", str(port), "--processes", "3", "--root", folder],
                               stdout=subprocess.PIPE, text=True)
    for _ in range(3):
        assert servers.stdout.readline() == f"listening on {port}\n"
    try:
        said = run("h2load", "--h1", "-n", "2000", "-c", "60", f"http://127.0.0.1:{port}/").decode()
        assert "2000 succeeded, 0 failed" in said, said
    finally:
        servers.terminate()
    assert servers.wait(timeout=60) == 0


def one_of_them_dies(program, folder):
    """Where SIGCHLD is ignored nothing is left of it; the others still finish what they have begun."""
    port = free_port()
    servers = subprocess.Popen([program, "--port", str(port), "--processes", "3", "--root", folder],
                               stdout=subprocess.PIPE, text=True,
                               preexec_fn=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN))
    try:
        for _ in range(3):
            assert servers.stdout.readline() == f"listening on {port}\n"
        children = " ".join(each.read_text() for each in pathlib.Path(f"/proc/{servers.pid}/task").glob("*/children"))
        first = min(map(int, children.split()))
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: not pathlib.Path(f"/proc/{first}").exists())
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.settimeout(60)
            client.sendall(b"POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n")
            assert b"100 Continue" in client.recv(1000)
            servers.terminate()
            wait_until(lambda: not listens(port))
            client.sendall(b"x")
            assert b"HTTP/1.1 200" in client.recv(1000)
    except BaseException:  # Otherwise once is enough: told again at its very end, it would die of that.
        servers.terminate()
        raise
    assert servers.wait(timeout=60) == 1


def wait_until(condition):
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() - begun < 60


def listens(port):
    try:
        socket.create_connection(("127.0.0.1", port)).close()
        return True
    except ConnectionRefusedError:
        return False
    except ConnectionResetError:  # It has just been closed; another one may be there.
        return True


def main(program):
    with tempfile.TemporaryDirectory() as outer:
        folder = pathlib.Path(outer) / "site"
        (folder / "folder").mkdir(parents=True)
        (pathlib.Path(outer) / "secret").write_text("secret")
        (folder / "index.html").write_text("<p>home</p>")
        (folder / "a page.txt").write_text("text")
        (folder / "large.bin").write_bytes(LARGE)
        for workers in ("1", "2"):
            with Server(program, "--root", folder, "--workers", workers) as server:
                curl_gets_files(server, folder)
                requests_in_a_row(server)
                clients_of_all_kinds_are_understood(server)
                what_is_wrong_is_said(server)
                no_body_is_taken_for_a_request(server)
                tools_measure_it(server)
                server.tell_to_end()
                assert server.end() == (0, "")
        slow_and_silent_clients_are_cut_off(program, folder)
        nobody_is_asked_for_a_body_for_ever(program, folder)
        tls_clients_are_served(program, folder)
        processes_share_a_port(program, folder)
        one_of_them_dies(program, folder)


main(sys.argv[1])
