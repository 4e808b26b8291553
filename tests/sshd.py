# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An sshd of a test's own, in a mount namespace: its package would start one for the whole machine."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm import processes

#: sshd wants a user and a folder that its package would have made.
_START = """
mount --bind "$1/passwd" /etc/passwd && mount -t tmpfs -o mode=0755 tmpfs /run &&
for folder in $2; do mount -t tmpfs -o mode=0755 tmpfs "$folder" || exit 1; done && mkdir /run/sshd &&
ln -s "$1/docker.sock" /run/docker.sock && exec "$1/sshd" -D -f "$1/sshd_config" -E "$1/log"
"""


def unpack(folder: Path) -> None:
    """Have the program alone in *folder*."""
    subprocess.run(["apt-get", "download", "-qq", "openssh-server"], cwd=folder, check=True, capture_output=True)
    (package,) = folder.glob("*.deb")
    subprocess.run(["dpkg", "-x", package, folder / "unpacked"], check=True)
    shutil.copy(folder / "unpacked/usr/sbin/sshd", folder / "sshd")
    (folder / "passwd").write_text(
        Path("/etc/passwd").read_text() + "sshd:x:65533:65534::/run/sshd:/usr/sbin/nologin\n"
    )


def configure(folder: Path, address: str, port: int, host_key: Path) -> None:
    """Let root in with what ``authorized_keys`` in *folder* has, and nobody else."""
    (folder / "sshd_config").write_text(
        f"ListenAddress {address}\nPort {port}\nHostKey {host_key}\nPidFile none\nUsePAM no\n"
        f"AuthorizedKeysFile {folder}/authorized_keys\nStrictModes no\nPermitRootLogin prohibit-password\n"
    )


def start(folder: Path, listens: Callable[[], bool], inside: Sequence[str] = (), empty: str = "") -> processes.Process:
    """The daemon, started by *inside*, once *listens*. ``docker.sock`` in *folder* is its machine's engine. *empty*:
    folders that are others there, with nothing in them, separated by spaces."""
    argv = [*inside, "unshare", "--mount", "--propagation=private", "--", "sh", "-c", _START, "sh", str(folder), empty]
    daemon = processes.spawn(argv, folder / "pid", folder / "out")
    until = time.monotonic() + 10
    while not listens():
        if time.monotonic() > until:
            log = folder / "log"
            raise RuntimeError((folder / "out").read_text() + (log.read_text() if log.exists() else ""))
        time.sleep(0.1)
    return daemon


def logins(folder: Path) -> int:
    """How often somebody has come in."""
    return (folder / "log").read_text().count("Accepted publickey")
