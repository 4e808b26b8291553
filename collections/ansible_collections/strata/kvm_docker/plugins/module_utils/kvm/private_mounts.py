# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The mount namespace of the embedded libvirt: our folders where libvirt has its own, and a consistent /dev/kvm."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

#: Folder of ours (below the hypervisor's) -> where it is seen.
BINDS = {
    "run": "/run",
    "etc": "/etc/libvirt",
    "lib": "/var/lib/libvirt",
    "cache": "/var/cache/libvirt",
    "log": "/var/log/libvirt",
}

#: Mounts are made in a namespace of the process's own, so the host sees none of them. Arguments: the hypervisor's
#: folder, the file to cover the resolver's configuration with and where that is ("" for nowhere), pairs of folders,
#: "--", the program.
#: - /sys is mounted anew, as `ip netns exec` does it, for it to show the devices of our network namespace. No control
#:   groups are mounted below it, so libvirt makes no directory in the host's.
#: - /dev/kvm is a node of our own that QEMU's user may open. With the kernel's default (root 0600) libvirt's two checks
#:   of it contradict each other, and libvirtd probes QEMU at each look-up: a domain takes 50 s to start, not 0.2 s.
_SCRIPT = """
folder=$1 resolver=$2 target=$3
shift 3
if [ -n "$target" ]; then mount --bind "$resolver" "$target"; fi
if [ -c /dev/kvm ]; then
    numbers=$(stat -c '%Hr %Lr' /dev/kvm)
    mount -t tmpfs -o mode=0755,size=64k strata "$folder/dev"
    mknod -m 0666 "$folder/dev/kvm" c $numbers
    chmod 0666 "$folder/dev/kvm"
    mount --bind "$folder/dev/kvm" /dev/kvm
    umount --lazy "$folder/dev"
fi
umount --lazy /sys
mount -t sysfs sysfs /sys
while [ "$1" != -- ]; do
    mount --bind "$1" "$2"
    shift 2
done
shift
exec "$@"
"""

_RESOLVER = Path("/etc/resolv.conf")


def with_mounts(folder: Path, argv: Sequence[str]) -> list[str]:
    """*argv*, run in a mount namespace of its own in which the folders of *folder* stand for libvirt's."""
    binds = [part for name, place in BINDS.items() for part in (str(folder / name), place)]
    target = resolver_target()
    covered = "" if _in_run(target) or not target.exists() else str(target)
    arguments = [str(folder), str(folder / "resolv.conf"), covered, *binds, "--", *argv]
    return ["unshare", "--mount", "--propagation=private", "--", "sh", "-eu", "-c", _SCRIPT, "strata", *arguments]


def resolver_target() -> Path:
    """The file that /etc/resolv.conf really is; with systemd-resolved one below /run."""
    return Path(os.path.realpath(_RESOLVER))


def resolver_files(folder: Path) -> list[Path]:
    """Where the namespace's resolver configuration is to be written, so that its /etc/resolv.conf shows it."""
    target = resolver_target()
    if _in_run(target):
        return [folder / "resolv.conf", folder / target.relative_to("/")]
    return [folder / "resolv.conf"]


def _in_run(path: Path) -> bool:
    return path.is_relative_to("/run")
