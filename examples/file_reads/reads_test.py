#!/usr/bin/env python3
"""Runs one way of reading files on small ones: the checksum is right from every source and in every pass;
a file that cannot be read is named, is the only one that is missing, and makes the exit status 1."""
import os
import pathlib
import random
import re
import resource
import struct
import subprocess
import sys
import tempfile
import zlib

FILES = 25
LARGEST = 150_000  # more than the programs read at once


def checksum(contents):
    """Of the files' checksums in the order of the files; 0 stands for one that could not be read."""
    each = (0 if content is None else zlib.crc32(content) for content in contents)
    return zlib.crc32(b"".join(struct.pack("<I", one) for one in each))


def run(program, *arguments, limit=None):
    done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, timeout=100,
                          check=False, preexec_fn=limit)
    return done.returncode, dict(re.findall(r"(\w+)=(\S+)", done.stdout)), done.stderr


def check_result(result, contents):
    read = [content for content in contents if content is not None]
    assert int(result["files"]) == len(contents), result
    assert int(result["read"]) == len(read), result
    assert int(result["bytes"]) == sum(map(len, read)), result
    assert int(result["checksum"], 16) == checksum(contents), result
    assert int(result["threads"]) >= 1 and int(result["rss_kib"]) > 0, result


def reads_from_every_source(program, folder, contents):
    for source in ("warm", "dropped", "slow"):
        status, result, said = run(program, "--source", source, "--passes", 3, folder)
        assert (status, said) == (0, ""), (status, said)
        assert result["source"] == source and float(result["seconds"]) > 0, result
        check_result(result, contents)
    assert float(result["seconds"]) >= 0.01, "the slow source was quick"


def reads_the_first(program, folder, contents):
    status, result, _ = run(program, "--first", 3, folder)
    assert status == 0
    check_result(result, contents[:3])


def names_what_it_cannot_read(program, folder, contents):
    paths = sorted(folder.iterdir())
    missing, loop, beneath = folder / "missing", folder / "zz-loop", folder / "zz-folder"
    loop.symlink_to(loop)
    beneath.symlink_to(folder)  # can be opened, but not read
    for source in ("warm", "dropped", "slow"):
        status, result, said = run(program, "--source", source, *paths[:9], missing, loop, *paths[9:])
        assert status == 1, status
        assert set(said.splitlines()) == {f"{missing}: No such file or directory",
                                          f"{loop}: Too many levels of symbolic links"}, said
        check_result(result, contents[:9] + [None, None] + contents[9:])
    status, result, said = run(program, folder)  # lists the links last
    assert status == 1, status
    assert set(said.splitlines()) == {f"{loop}: Too many levels of symbolic links",
                                      f"{beneath}: Is a directory"}, said
    check_result(result, contents + [None, None])
    loop.unlink()
    beneath.unlink()


def explains_itself(program, folder, _):
    wrong = (["--source", "tape", folder], ["--first", "0", folder], ["--first", FILES + 1, folder],
             ["--passes", "x", folder], ["--unknown", folder], [])
    for arguments in wrong:
        status, result, said = run(program, *arguments)
        assert (status, result) == (2, {}) and "usage: " in said, (arguments, status, said)


def says_that_there_is_no_thread(program, folder, _):
    """The stacks of threads fill an address space that is limited; a single thread can do without."""
    for space in (30 << 20, 50 << 20, 80 << 20, 110 << 20):
        limit = lambda: resource.setrlimit(resource.RLIMIT_AS, (space, space))
        status, result, said = run(program, folder, limit=limit)
        if program.name.endswith("serial"):
            assert status == 0, said
        elif status != 0:
            assert (status, result) == (3, {}), (status, said)
            assert re.search(r"temporarily unavailable|Cannot allocate|bad_alloc", said), said
        if program.name.endswith("thread_per_file"):
            assert re.search(r"no thread after \d+: Resource temporarily", said), said


def main(program):
    draw = random.Random(1)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        contents = [draw.randbytes(draw.randint(0, LARGEST)) for _ in range(FILES - 1)] + [b""]
        for number, content in enumerate(contents):
            with open(folder / f"{number:05}", "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        for test in (reads_from_every_source, reads_the_first, names_what_it_cannot_read,
                     explains_itself, says_that_there_is_no_thread):
            test(program, folder, contents)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
