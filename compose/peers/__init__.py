"""Real peers on this machine: Apache Kafka's brokers, tools and image, and other clients.

Everything listens on the loopback address. Downloads go through Maven, pip, npm and apt, into
`cache()`; a cluster's own data is temporary and goes with the process that started it.
"""

import contextlib
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def cache() -> Path:
    """The folder for what is downloaded or built once: `PEERS_CACHE`, or in the user's cache."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = Path(os.environ.get("PEERS_CACHE") or home / "tidemill")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def tidemill() -> str:
    """The binary under test: `TIDEMILL`, or what `cargo build --release` made."""
    return os.environ.get("TIDEMILL") or str(ROOT / "target/release/tidemill")


def note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def quietly(command: list, **options) -> None:
    """Runs a command; shows what it said only when it fails."""
    done = subprocess.run(
        [str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL, text=True, **options,
    )
    if done.returncode != 0:
        note("\n".join(done.stdout.splitlines()[-20:]))
        raise SystemExit(f"failed with {done.returncode}: {' '.join(map(str, command))}")


def once(folder: Path, make) -> Path:
    """Fills `folder` by `make(folder)` unless that was done before; half-made is never used."""
    done = folder / ".complete"
    if not done.exists():
        import fcntl
        import shutil

        folder.parent.mkdir(parents=True, exist_ok=True)
        with open(folder.parent / f".{folder.name}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not done.exists():
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                make(folder)
                done.touch()
    return folder


def apt_install(*packages: str) -> None:
    """Installs Debian packages that are missing; needs root."""
    missing = [
        name for name in packages
        if subprocess.run(["dpkg", "-s", name], capture_output=True).returncode != 0
    ]
    if missing:
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        quietly(["apt-get", "update"], env=environment)
        quietly(["apt-get", "install", "-y", "--no-install-recommends", *missing], env=environment)


@contextlib.contextmanager
def embedded_broker():
    """Runs `tidemill broker` on free ports; yields its bootstrap address and its registry's URL."""
    process = subprocess.Popen(
        [tidemill(), "broker", "--port", "0", "--registry-port", "0"], stdout=subprocess.PIPE, text=True
    )
    try:
        said = dict(process.stdout.readline().strip().split("=", 1) for _ in range(2))
        yield said["BOOTSTRAP"], said["REGISTRY"]
    finally:
        process.terminate()
        process.wait(20)
