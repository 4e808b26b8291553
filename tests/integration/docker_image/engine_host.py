# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for a guest: a mount namespace with an /etc of its own and a dockerd that answers to a small systemctl."""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import lab
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import GuestError
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm import namespaces, processes

_HOLD = """
mount -t tmpfs -o mode=0755 tmpfs /run &&
mount -t overlay -o lowerdir=/etc,upperdir="$1/etc",workdir="$1/work" overlay /etc &&
rm -rf /etc/docker && exec sleep infinity
"""

_SYSTEMCTL = """#!/bin/sh
root=$(dirname "$(dirname "$0")")
alive() { test -e "$root/pid" && kill -0 "$(cat "$root/pid")" 2>/dev/null; }
start() {
    alive && return 0
    rm -f "$root/pid"
    setsid sh -c 'echo $$ > "$0/pid"; exec dockerd --host="unix://$0/docker.sock" --data-root="$0/data" \
        --exec-root="$0/exec" --pidfile="$0/docker.pid" --bip=172.31.254.1/24 --cgroup-parent="/$(basename "$0")" \
        --exec-opt=native.cgroupdriver=cgroupfs' "$root" >> "$root/log" 2>&1 &
    for _try in $(seq 100); do
        [ -s "$root/pid" ] && break
        sleep 0.1
    done
    while alive; do
        docker --host "unix://$root/docker.sock" version >/dev/null 2>&1 && return 0
        sleep 0.1
    done
    echo "Job for docker.service failed." >&2
    return 1
}
stop() {
    alive && kill "$(cat "$root/pid")"
    while alive; do sleep 0.1; done
}
case $1 in
    start) start ;;
    restart) stop; start ;;
    stop) stop ;;
    reload) kill -HUP "$(cat "$root/pid")" ;;
    reset-failed) ;;
esac
"""

_JOURNALCTL = """#!/bin/sh
tail -n 20 "$(dirname "$(dirname "$0")")/log"
"""


@dataclass(slots=True)
class HostShell:
    """What :class:`Shell` is for a guest, for the stand-in at *root*."""

    root: Path
    holder: int
    guest: str = "web"

    def run(self, command: str, stdin: bytes | None = None, timeout: float = 60.0) -> bytes:
        done = subprocess.run(
            ["nsenter", f"--target={self.holder}", "--mount", "--net", "--", "sh", "-c", command],
            input=stdin or b"",
            capture_output=True,
            timeout=timeout,
            env={**os.environ, "PATH": f"{self.root / 'bin'}:{os.environ['PATH']}"},
            check=False,
        )
        if done.returncode:
            raise GuestError(f"guest {self.guest}: {command} failed: {done.stderr.decode().strip()}")
        return done.stdout

    def enter(self) -> None:
        """Be in the stand-in from now on: for a process of one thread that ends with what it does there."""
        libc = ctypes.CDLL(None, use_errno=True)
        for namespace in ("net", "mnt"):
            with open(f"/proc/{self.holder}/ns/{namespace}") as file:
                if libc.setns(file.fileno(), 0):
                    raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), file.name)

    def write_file(self, path: str, content: bytes, mode: int) -> None:
        self.run(f"cat > {path} && chmod {mode:o} {path}", content)

    def forward(self) -> Path:
        return self.root / "docker.sock"

    def close(self) -> None:
        """Nothing is open."""


@contextmanager
def engine_host() -> Iterator[HostShell]:
    with lab.root_folder() as root:
        netns = root / "netns"
        namespaces.pin(netns)
        try:
            yield _start(root, netns)
        finally:
            processes.terminate(processes.in_network(netns), grace=15)
            processes.terminate(lab._in_cgroups(root.name), grace=1)
            namespaces.unpin(netns)
            lab._remove_cgroups(root.name)


def _start(root: Path, netns: Path) -> HostShell:
    for folder in ("etc", "work", "bin"):
        (root / folder).mkdir()
    for name, script in (("systemctl", _SYSTEMCTL), ("journalctl", _JOURNALCTL)):
        (root / "bin" / name).write_text(script)
        (root / "bin" / name).chmod(0o755)
    hold = ["unshare", "--mount", "--propagation=private", "--", "sh", "-c", _HOLD, "sh", str(root)]
    holder = processes.spawn(namespaces.inside(netns, hold), root / "holder", root / "log")
    shell = HostShell(root, holder.pid)
    _await_etc(shell)
    return shell


def _await_etc(shell: HostShell) -> None:
    """The mounts are there once the holder has become its last program."""
    import time

    until = time.monotonic() + 10
    while Path(f"/proc/{shell.holder}/comm").read_text().strip() != "sleep":
        if time.monotonic() > until:
            raise RuntimeError((shell.root / "log").read_text())
        time.sleep(0.02)
