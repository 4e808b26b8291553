# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a running guest does when its virtual machine changes: it takes over processors, interfaces and larger disks.

Only images that we build are known well enough; a stock image takes such things over when it boots (cloud-init).
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping

from ..errors import GuestError
from ..folders import Folders
from . import access
from .machine import Machine
from .ssh import Shell

#: Seconds for a connection to a guest that runs; one that is still booting is not waited for.
_CONNECT = 10.0
_WORK = 300.0

#: Bytes that a guest's random generator is fed with.
ENTROPY = 64
#: Takes standard input into the kernel's pool. Its generator has begun anew already where the kernel was told that the
#: machine is a copy (``<genid>``, https://libvirt.org/formatdomain.html); elsewhere it is told to now (RNDRESEEDCRNG of
#: linux/random.h), as by itself it would a minute later. Every Debian has Perl, most others have Python.
_FRESHEN = r"""
set -e
cat > /dev/urandom
date --utc --set=@%.3f > /dev/null
for each in /sys/bus/*/drivers/vmgenid/*:*; do [ ! -e "$each" ] || exit 0; done
if command -v perl > /dev/null; then
    perl -e 'open(R, "<", "/dev/urandom") && ioctl(R, 0x5207, 0) || die "RNDRESEEDCRNG: $!\n"'
else
    python3 -c 'import fcntl; fcntl.ioctl(open("/dev/urandom"), 0x5207)'
fi
"""

#: Has the files of what runs go too, as far as they are not changed; what is used of them is read again at once. Other
#: memory could be swapped out without ``swappiness``: kernels that do not know that word are left alone.
_FORGET = r"""
sync
echo 1 > /proc/sys/vm/drop_caches
for group in /sys/fs/cgroup/*/memory.reclaim; do
    [ ! -w "$group" ] || echo 1T swappiness=0 > "$group" || true
done 2> /dev/null
"""

#: Zeros over memory that is free, so that what is saved has neither its pages nor secrets that were in them. MiB that
#: are left alone: $1. What is used is moved together before: who restores it then touches fewer huge pages.
_ZERO = r"""
sync
[ ! -w /proc/sys/vm/compact_memory ] || echo 1 > /proc/sys/vm/compact_memory
free=0
while read -r name value unit; do [ "$name" != MemFree: ] || free=$((value / 1024 - $1)); done < /proc/meminfo
[ "$free" -gt 0 ] || exit 0
unshare --mount sh -c "mount -t tmpfs -o size=100% zeros /mnt; head -c ${free}M /dev/zero > /mnt/zeros || true"
"""
_LEFT_ALONE = 48

#: Waits until the kernel has seen $1 processors (ACPI tells it of each one), then takes every one into use.
_ONLINE = r"""
tries=0
while [ "$(ls -d /sys/devices/system/cpu/cpu[0-9]* | wc -l)" -lt "$1" ]; do
    tries=$((tries + 1))
    [ $tries -lt 100 ] || exit 1
    sleep 0.3
done
for cpu in /sys/devices/system/cpu/cpu[1-9]*/online; do
    [ ! -e "$cpu" ] || [ "$(cat "$cpu")" = 1 ] || echo 1 > "$cpu"
done
"""


def reach(folders: Folders, environment: str, guest: str) -> Shell | None:
    """The guest's shell, connected; ``None`` where it does not answer now."""
    shell = access.shell(environment, guest, folders)
    if not shell.config.exists():
        return None
    try:
        shell.connect(_CONNECT)
    except GuestError:
        return None
    return shell


def use_processors(shell: Shell, count: int) -> None:
    """Take all *count* processors into use; raises :class:`GuestError` where the guest does not see them."""
    shell.run(f"set -- {count}\n{_ONLINE}", timeout=_WORK)


def grow_root(shell: Shell) -> None:
    """Grow the root file system to its disk; ext4 does so while it is mounted."""
    shell.run("resize2fs /dev/vda", timeout=_WORK)


def grow_disk(shell: Shell, serial: str) -> None:
    """Grow the file system on a data disk to its disk, where it is mounted."""
    device = shlex.quote(device_path(serial))
    shell.run(f"if findmnt --noheadings {device} > /dev/null; then resize2fs {device}; fi", timeout=_WORK)


def configure_interfaces(shell: Shell, files: Mapping[str, bytes], gone: Iterable[str]) -> None:
    """Have systemd-networkd know the interfaces that come, by their *files*, and forget those of networks *gone*.

    It is started anew, which keeps addresses: its reload goes over D-Bus, which images of ours do not have.
    """
    for path, content in files.items():
        shell.write_file(path, content, 0o644)
    removed = " ".join(shlex.quote(network_file(network)) for network in gone)
    restart = "systemctl restart systemd-networkd.service"
    shell.run(f"rm -f {removed}; {restart}" if removed else restart)


def release_disk(shell: Machine, serial: str) -> None:
    """Unmount a data disk, so that it can be pulled out; processes that use it are the user's to end."""
    device = shlex.quote(device_path(serial))
    shell.run(
        "set -e; "
        f"for unit in $(grep -lsx 'What={device_path(serial)}' /etc/systemd/system/*.mount || true); do "
        'systemctl disable --now "${unit##*/}"; rm -f "$unit"; done; systemctl daemon-reload; '
        f"if findmnt --noheadings {device} > /dev/null; then umount {device}; fi",
        timeout=_WORK,
    )


def device_path(serial: str) -> str:
    """Where udev has the disk of that serial number."""
    return f"/dev/disk/by-id/virtio-{serial}"


def network_file(network: str) -> str:
    """systemd-networkd's file of the guest's interface on *network*."""
    return f"/etc/systemd/network/10-strata-{network}.network"


def forget_files(shell: Shell) -> None:
    """Write all files to the disks, and have none of them in memory but what is used again."""
    shell.run(_FORGET, timeout=_WORK)


def zero_free_memory(shell: Shell) -> None:
    """Have zeros where memory is free, and on the disks what belongs there."""
    shell.run(f"set -- {_LEFT_ALONE}\n{_ZERO}", timeout=_WORK)


def freshen(shell: Shell, seconds: float, entropy: bytes) -> None:
    """Set the clock of a guest whose memory is a copy, and have its kernel's random numbers begin anew, where they have
    not. *entropy* goes into what they begin from, now or within a minute, at their next turn."""
    shell.run(_FRESHEN % seconds, stdin=entropy)
