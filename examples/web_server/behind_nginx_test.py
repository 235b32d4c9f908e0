#!/usr/bin/env python3
"""The HTTP server as several processes on one port, and another one beside them, behind nginx as the balancer:
behind_nginx_test.py SERVER NGINX"""
import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "servers"))
from server_process import Server, free_port  # noqa: E402

LARGE = os.urandom(3 << 20)
CONFIGURATION = """
daemon off;
worker_processes 1;
pid {folder}/pid;
error_log stderr warn;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  upstream servers {{
    server 127.0.0.1:{shared};
    server 127.0.0.1:{single};
    keepalive 32;
  }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://servers;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
    }}
  }}
}}
"""


class Nginx:
    def __init__(self, program, folder, shared, single):
        self.port = free_port()
        configuration = folder / "nginx.conf"
        configuration.write_text(CONFIGURATION.format(folder=folder, shared=shared, single=single, port=self.port))
        command = [program, "-p", folder, "-e", "stderr", "-c", configuration]
        subprocess.run([*command, "-t", "-q"], check=True)
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)

    def __enter__(self):
        while self.process.poll() is None:  # It listens before it serves, and says nothing of it.
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return self
            except ConnectionRefusedError:
                pass
        raise AssertionError(self.process.stderr.read())

    def __exit__(self, *_):
        self.process.terminate()
        self.process.communicate(timeout=60)


def load(port, count):
    said = subprocess.run(["h2load", "--h1", "-n", str(count), "-c", "40", f"http://127.0.0.1:{port}/"],
                          capture_output=True, text=True, timeout=100, check=True).stdout
    return int(re.search(r"(\d+) succeeded", said).group(1)), said


def conversation(nginx, single, folder):
    root = f"http://127.0.0.1:{nginx.port}"
    body, out = folder / "sent", folder / "got"
    body.write_bytes(LARGE[:900_000])
    curl = ["curl", "-sS", "--fail", "-o", out]
    subprocess.run([*curl, root + "/large.bin"], check=True)
    assert out.read_bytes() == LARGE
    subprocess.run([*curl, "--data-binary", f"@{body}", root + "/echo"], check=True)
    assert out.read_bytes() == body.read_bytes()
    subprocess.run([*curl, root + "/count/1000"], check=True)
    assert out.read_text().split() == [str(number) for number in range(1, 1001)]
    assert load(nginx.port, 4000)[0] == 4000
    # One of the servers ends in the middle: nobody notices, nginx asks the other one.
    ending = threading.Timer(0.1, single.tell_to_end)
    ending.start()
    succeeded, said = load(nginx.port, 20_000)
    ending.join()
    assert succeeded == 20_000, said
    assert single.end() == (0, "")
    assert load(nginx.port, 1000)[0] == 1000


def main(program, nginx):
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        folder.chmod(0o755)  # nginx's worker is another user where its master is root.
        site = folder / "site"
        site.mkdir()
        (site / "index.html").write_text("<p>home</p>")
        (site / "large.bin").write_bytes(LARGE)
        port = free_port()
        shared = subprocess.Popen([program, "--port", str(port), "--processes", "3", "--root", site],
                                  stdout=subprocess.PIPE, text=True)
        try:
            for _ in range(3):
                assert shared.stdout.readline() == f"listening on {port}\n"
            with Server(program, "--root", site) as single, \
                    Nginx(nginx, folder, port, single.port) as balancer:
                conversation(balancer, single, folder)
        finally:
            shared.terminate()
        assert shared.wait(timeout=60) == 0


main(*sys.argv[1:])
