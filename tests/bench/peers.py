"""Builds the peers of the benchmarks that CMake does not: those in Go and in Rust, offline, from
what Debian installs (tests/support/setup.sh peers)."""
import os
import pathlib
import shutil
import subprocess
import tempfile

HERE = pathlib.Path(__file__).resolve().parent / "peers"
CRATES = pathlib.Path("/usr/share/cargo/registry")  # where Debian's librust-*-dev install them


class Missing(Exception):
    """Why a peer cannot be built here."""


class Failed(Exception):
    """What a command printed that failed."""


def quietly(*command, **options):
    """Runs the command; its output is of interest only if it fails."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                          **options)
    if done.returncode != 0:
        raise Failed(done.stdout.decode(errors="replace"))


def build_go(folder):
    if not shutil.which("go"):
        raise Missing("no go (golang-go)")
    programs = {"bench_go": ("go_bench.go", "go_neighbours.go", "go_scale.go", "go_wake_up.go"),
                "http_go_server": ("go_http_server.go",)}
    for program, sources in programs.items():
        quietly("go", "build", "-o", folder / program, *(HERE / source for source in sources),
                env={**os.environ, "GO111MODULE": "off", "GOFLAGS": ""})


def build_tokio(folder):
    if not shutil.which("cargo"):
        raise Missing("no cargo")
    for crate in ("tokio", "async-channel", "libc"):
        if not list(CRATES.glob(f"{crate}-[0-9]*")):
            raise Missing(f"no librust-{crate}-dev in {CRATES}")
    with tempfile.TemporaryDirectory() as sources:  # cargo writes Cargo.lock beside them
        shutil.copytree(HERE / "tokio", sources, dirs_exist_ok=True)
        quietly("cargo", "build", "--release", "--offline", "--target-dir", folder / "tokio",
                "--config", 'source.crates-io.replace-with = "debian"',
                "--config", f'source.debian.directory = "{CRATES}"', cwd=sources)
    for program in ("bench_tokio", "http_tokio_server"):
        shutil.copy2(folder / "tokio/release" / program, folder / program)


BUILDERS = {"go": build_go, "tokio": build_tokio}


def build(peer, folder):
    """Builds it into the folder. Raises Missing."""
    try:
        BUILDERS[peer](folder)
    except Failed as failure:
        raise Missing(f"it does not build here:\n{failure}") from None
