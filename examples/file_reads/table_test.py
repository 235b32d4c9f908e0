#!/usr/bin/env python3
"""Runs the comparison with one program replaced: threads that run out become the row's result, and a wrong
answer or a file that could not be read fails the whole."""
import pathlib
import stat
import subprocess
import sys
import tempfile

COMPARISON = pathlib.Path(__file__).resolve().parents[1] / "main_job/file_reads.py"
OTHERS = ("serial", "ten_threads", "event_loop", "callbacks", "fibers")


def compare(programs, script):
    """With `script` in place of a thread per file; $0.real is that program."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for way in OTHERS:
            (folder / f"file_reads_{way}").symlink_to(programs / f"file_reads_{way}")
        replaced = folder / "file_reads_thread_per_file"
        pathlib.Path(f"{replaced}.real").symlink_to(programs / replaced.name)
        replaced.write_text("#!/bin/bash\n" + script)
        replaced.chmod(replaced.stat().st_mode | stat.S_IXUSR)
        return subprocess.run([sys.executable, COMPARISON, "--smoke", folder], capture_output=True,
                              text=True, timeout=100, check=False)


def main(programs):
    done = compare(programs, 'ulimit -v 60000; "$0.real" "$@"\n')
    rows = [line for line in done.stdout.splitlines() if "thread per file  failed: " in line]
    assert done.returncode == 0, done.stderr
    assert rows and all("Resource temporarily unavailable" in row for row in rows), done.stdout

    done = compare(programs, '"$0.real" "$@" | sed s/checksum=/checksum=1/\n')
    assert done.returncode == 1 and "has read something else" in done.stderr, done.stderr

    done = compare(programs, 'while [[ ! -d $1 ]]; do shift; done; "$0.real" "$1" /no-such-file\n')
    assert done.returncode == 1 and "/no-such-file: No such file" in done.stderr, done.stderr


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
