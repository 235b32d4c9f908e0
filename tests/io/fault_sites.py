#!/usr/bin/env python3
"""Every call of the C library in io/src is either refused by a test, or listed here with the reason why it
need not be: a new one fails this check until somebody has thought about its errors."""
import collections
import pathlib
import re
import sys

# Of each call that is refused: at how many places io makes it. Those places are what the tests visit.
REFUSED = {
    "accept4": 1, "bind": 3, "connect": 2, "eventfd": 3, "fcntl": 1, "fdatasync": 1, "flock": 1, "fstat": 2, "fsync": 1,
    "ftruncate": 1, "getaddrinfo": 1, "getsockname": 1, "getsockopt": 2,
    "io_uring_queue_init_params": 1, "io_uring_register_eventfd": 1, "io_uring_submit": 1, "listen": 2, "lseek": 1, "open": 2,
    "opendir": 1, "pipe2": 2, "poll": 2, "posix_spawnp": 1, "ppoll": 1, "preadv2": 1, "pwritev2": 1,
    "readdir": 1, "readv": 1, "recv": 1, "recvmmsg": 1, "recvmsg": 3, "send": 1, "sendfile": 1, "sendmmsg": 1, "sendmsg": 3,
    "sendto": 1, "setsockopt": 1, "shutdown": 1, "socket": 1, "socketpair": 1, "stat": 1, "waitid": 1,
    "writev": 1,
}
# Where the tests are: those of poll, ppoll, eventfd and names are older or need more than a refusal.
TESTS = ("fault_sites_test.cpp", "fault_test.cpp", "read_ring_test.cpp", "resolve_test.cpp")
NEED_NOT = {
    "close": "gives the number back, whatever it says",
    "read": "of a bell, which is never empty then, or has nothing that is needed",
    "write": "to a bell, which is never full",
    "unlink": "of a stale socket: then it is still there, and so is the error",
    "lstat": "of a stale socket: as unlink",
    "kill": "of a child that has no pidfd, and is there",
    "waitpid": "of the same",
    "syscall": "pidfd_open and pidfd_send_signal: process_test.cpp, by the process's limits and bad numbers; "
               "cachestat: an error is as good as a file that is not in the page cache",
    "clock_gettime": "of the calling thread's own CPU time, which there always is",
    "io_uring_get_sqe": "says null if there is no room, which the refused io_uring_submit brings about",
    "io_uring_peek_cqe": "says whether there is one",
    "dup3": "of two numbers that the process has; fails for no want of descriptors",
    "pthread_atfork": "without memory for it a forked child does as one that has no descriptor to spare",
    "sysconf": "the size of a page is always known",
    "sigaction": "fails for what is no signal only: signal_set_test.cpp",
}
NO_ERRORS = ("inet_", "io_uring_cqe_", "io_uring_prep_", "io_uring_queue_exit", "io_uring_sq_ready", "io_uring_sqe_set_data",
             "posix_spawn_file_actions_", "posix_spawnattr_", "getpid", "pthread_self", "pthread_sigmask", "sigaddset",
             "sigemptyset", "sigfillset", "sigismember", "sigpending", "sigtimedwait", "freeaddrinfo")
# pipe.cpp asks for the flags of a descriptor that it was given, and goes on whatever they are; process.cpp
# copies a descriptor only where the program has closed its standard streams.
NOT_HERE = {("pipe.cpp", "fcntl"), ("process.cpp", "fcntl")}


def calls(folder):
    found = collections.Counter()
    for path in sorted(folder.glob("*.[ch]pp")):
        for name in re.findall(r"(?<![\w:>])::([a-z_0-9]+)\(", path.read_text()):
            if (path.name, name) not in NOT_HERE and not name.startswith(NO_ERRORS):
                found[name] += 1
    return found


def main(root):
    found = calls(root / "io" / "src")
    wrong = [f"{name}: at {found[name]} places, {REFUSED.get(name, 0)} of them refused by tests"
             for name in sorted(found.keys() | REFUSED.keys())
             if name not in NEED_NOT and found[name] != REFUSED.get(name, 0)]
    tests = "".join((root / "tests" / "io" / name).read_text() for name in TESTS)
    wrong += [f"{name}: no test refuses it" for name in REFUSED
              if not re.search(rf"kernel\.(on_)?{name}\b", tests)]
    wrong += [f"{name}: not called any more" for name in NEED_NOT if not found[name]]
    print("\n".join(wrong) if wrong else f"{sum(found.values())} calls, all accounted for")
    return 1 if wrong else 0


sys.exit(main(pathlib.Path(sys.argv[1])))
