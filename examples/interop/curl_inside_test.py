#!/usr/bin/env python3
"""libcurl's transfers on fibers: all are under way at once, and whoever gives up gets on alone."""
import pathlib
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "servers"))
from page_server import Pages, serve  # noqa: E402

AT_ONCE = 50
LARGE = bytes(range(256)) * 20_000


class TestPages(Pages):
    meeting = threading.Barrier(AT_ONCE)
    over = threading.Event()

    def do_GET(self):
        if self.path.startswith("/meet"):  # Nobody is answered before all have asked.
            self.meeting.wait(60)
        if self.path == "/silent":
            self.over.wait(60)
        body = LARGE if self.path == "/large" else self.path.encode()
        self.send_response(404 if self.path == "/none" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def fetch(program, milliseconds, *urls):
    ran = subprocess.run([program, "--each-ms", str(milliseconds), *urls], text=True, capture_output=True, timeout=100)
    assert ran.returncode == 0 and ran.stderr == "", ran
    return sorted(ran.stdout.splitlines())


def main(program):
    root = f"http://127.0.0.1:{serve(TestPages)}"
    urls = [f"{root}/meet/{number:02}" for number in range(AT_ONCE)]
    assert fetch(program, 60_000, *urls) == [f"{url}: 8 bytes" for url in urls]
    assert fetch(program, 60_000, root + "/large") == [f"{root}/large: {len(LARGE)} bytes"]
    with socket.create_server(("127.0.0.1", 0)) as unused:
        nobody = f"http://127.0.0.1:{unused.getsockname()[1]}/"
    begun = time.monotonic()
    said = fetch(program, 300, root + "/silent", root + "/none", nobody, "nonsense://a")
    assert time.monotonic() - begun < 30, "who has given up is waited for"
    assert f"{root}/silent: timed out" in said, said
    assert any("none: HTTP response code said error" in line for line in said), said
    assert f"{nobody}: Couldn't connect to server" in said, said
    assert "nonsense://a: Unsupported protocol" in said, said
    TestPages.over.set()


main(sys.argv[1])
