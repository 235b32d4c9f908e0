"""A server program under test, on a port of its own choice."""
import functools
import re
import resource
import signal
import socket
import subprocess


class Server:
    def __init__(self, program, *options, open_files=None):
        """open_files: its limits of descriptors, soft and hard, instead of those of whoever starts it."""
        limit = open_files and functools.partial(resource.setrlimit, resource.RLIMIT_NOFILE, open_files)
        self.process = subprocess.Popen([program, "--port", "0", *options], stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True, preexec_fn=limit)
        self.port = int(re.search(r"\d+", self.process.stdout.readline()).group())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()

    def connect(self):
        client = socket.create_connection(("127.0.0.1", self.port))
        client.settimeout(60)
        return client

    def tell_to_end(self):
        self.process.send_signal(signal.SIGTERM)

    def end(self):
        """(status, complaints)"""
        _, complaints = self.process.communicate(timeout=60)
        return self.process.returncode, complaints


def free_port():
    """A port that nobody listens on now, for programs that are to share one."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]
