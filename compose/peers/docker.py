"""A Docker engine for tests, from Debian's packages. No image is pulled: see `image`."""

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path

from . import apt_install, cache, note


def answers() -> bool:
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        return subprocess.run(["docker", "version"], capture_output=True, timeout=10).returncode == 0
    return False


@contextlib.contextmanager
def engine():
    """An engine that answers: the one that runs, or one that is started here and ended again."""
    if answers():
        yield
        return
    if os.geteuid() != 0:
        raise SystemExit("no Docker engine answers, and starting one needs root")
    apt_install("docker.io", "iptables")
    _mount_cgroups()
    process = _start()
    try:
        yield
    finally:
        _stop(process)


def _start() -> subprocess.Popen:
    home = cache() / "docker"
    home.mkdir(exist_ok=True)
    # Where the defaults do not work: an unusual file system below, then no packet filter.
    for more in ([], ["--storage-driver=vfs"], ["--storage-driver=vfs", "--iptables=false"]):
        (home / "pid").unlink(missing_ok=True)
        with open(home / "log", "wb") as log:
            process = subprocess.Popen(
                ["dockerd", f"--data-root={home / 'data'}", f"--pidfile={home / 'pid'}", "--ip=127.0.0.1", *more],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True,
            )
        deadline = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < deadline:
            if answers():
                return process
            time.sleep(0.1)
        _stop(process)
        note(f"dockerd {' '.join(more)} did not start")
    note("\n".join((home / "log").read_text(errors="replace").splitlines()[-10:]))
    raise SystemExit("the Docker engine did not start")


def _stop(process: subprocess.Popen) -> None:
    if process.poll() is None:
        running = subprocess.run(["docker", "ps", "-q"], capture_output=True, text=True).stdout.split()
        if running:
            subprocess.run(["docker", "rm", "-f", *running], capture_output=True)
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(30)
    if process.poll() is None:
        process.kill()
        process.wait()


def _mount_cgroups() -> None:
    """Control groups must be mounted; on a machine without an init system they may not be."""
    root = Path("/sys/fs/cgroup")
    if not (root / "cgroup.controllers").exists() and not (root / "memory").is_dir():
        root.mkdir(parents=True, exist_ok=True)
        subprocess.run(["mount", "-t", "cgroup2", "none", str(root)], check=True)
