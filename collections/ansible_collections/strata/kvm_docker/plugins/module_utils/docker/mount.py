# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kind ``mount``: a data disk as its guest has it: formatted where it was blank, and mounted at each boot.

A disk that leaves the declaration is unmounted when it is pulled out of the guest (``kvm.guest_live``).
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping, Set
from typing import TYPE_CHECKING, ClassVar

from .. import naming
from ..declare.environment import Environment, Guest
from ..guest import inside
from ..guest.inside import device_path
from ..inputs import Inputs
from ..plan.model import Change, Condition, Declared, Difference, Effect, Key, Need, Observed, Traits
from ..progress import Progress

if TYPE_CHECKING:
    from .engine import Engine

_SECTOR = 512
_WORK = 600.0

#: What stands between the fields that one disk is told by, and at the end of each disk.
_FIELD, _END = "\x1f", "\x1e"

#: What has a disk mounted at boot; a link for each, as ``systemctl enable`` makes them, says so.
_WANTED_BY = ("multi-user.target", "docker.service")
#: Options of a file system that takes no writes; the second one since Linux 6.15, after an error.
_READ_ONLY = frozenset({"ro", "emergency_ro"})

#: Prints of the disk $1 with the unit $2: how and where it is mounted, its sectors, its superblock, whether the unit is
#: enabled, the unit.
_LOOK = r"""
look() {
    device=$(readlink -f "/dev/disk/by-id/virtio-$1")
    block=/sys/class/block/${device##*/}
    [ -e "$block" ] || { printf '%s\036' "$1"; return; }
    enabled=yes
    for wanting in @wanted_by@; do
        [ -L "/etc/systemd/system/$wanting.wants/$2" ] || enabled=no
    done
    printf '%s\037%s\037%s\037%s\037%s\037%s\036' "$1" \
        "$(findmnt --noheadings --first-only --raw --output OPTIONS,TARGET "$device")" \
        "$(cat "$block/size")" "$(od -An -v -tu4 -j1024 -N40 "$device" | tr '\n' ' ')" \
        "$enabled" "$(cat "/etc/systemd/system/$2" 2>/dev/null)"
}
""".replace("@wanted_by@", " ".join(_WANTED_BY))


class Mount:
    """Declares, observes and applies mounts; named as the disk in the declaration, on the guest.

    ``spec``: ``path``, where it is mounted; ``unit``: whether systemd knows how; ``enabled``: whether it does so at
    each boot; ``writable``: whether it can be written to now; ``grown``: whether its file system is as large as the
    disk.
    """

    kind: ClassVar[str] = "mount"
    traits: ClassVar[Traits] = Traits()

    def declare(self, environment: Environment, inputs: Inputs) -> Iterator[Declared]:
        """Every data disk that is declared with a place for it."""
        for guest in environment.guests.values():
            for name, disk in guest.disks.items():
                if disk.mount:
                    yield Declared(
                        Key(self.kind, name, guest.name),
                        {"path": disk.mount, "unit": True, "enabled": True, "writable": True, "grown": True},
                        needs=(
                            Need(Key("guest", guest.name), lives_on=True),
                            Need(Key("disk", f"{guest.name}.{name}")),
                        ),
                    )

    def effect(self, difference: Difference) -> Effect:
        """What is on the disk stays; containers that look at the former place are the user's to change."""
        return Effect.IN_PLACE

    def observe(self, engine: Engine, environment: str) -> Iterable[Observed]:
        """One command for all declared disks; none where there are none."""
        if engine.shell is None or not engine.mounts:
            return
        looks = [
            f"look {shlex.quote(naming.disk_serial(name))} {shlex.quote(unit_name(path))}"
            for name, path in engine.mounts.items()
        ]
        said = engine.shell.run(_LOOK + "\n".join(looks)).decode(errors="replace")
        for (name, path), told in zip(engine.mounts.items(), said.split(_END), strict=False):
            found = _observed(name, path, told.split(_FIELD))
            if found:
                applied = {**found, "enabled": True, "writable": True}  # never declared otherwise, so it is drift
                yield Observed(Key(self.kind, name, engine.guest), found, applied=applied)

    def apply(self, engine: Engine, change: Change, progress: Progress) -> None:
        """Format the disk if it is blank, have systemd mount it, and grow what is on it; or unmount it.

        What is mounted where and as it is declared stays mounted.
        """
        if engine.shell is None:
            return
        if change.declared is None:
            inside.release_disk(engine.shell, naming.disk_serial(change.key.name))
            return
        path = change.declared.spec["path"]
        serial = naming.disk_serial(change.key.name)
        engine.shell.run(_format_command(serial), timeout=_WORK)
        unit = f"/etc/systemd/system/{unit_name(path)}"
        engine.shell.run(_leave_command(serial, unit), timeout=_WORK)
        engine.shell.write_file(unit, unit_text(change.key.name, serial, path).encode(), 0o644)
        wrong = {difference.path[0] for difference in change.differences}
        engine.shell.run(_mount_command(serial, path, wrong), timeout=_WORK)

    def settle(self, engine: Engine, key: Key, condition: Condition, progress: Progress) -> None:
        """What is mounted is ready."""


def mount_needs(guest: Guest) -> tuple[Need, ...]:
    """What a container may look at: every mounted data disk of its guest."""
    return tuple(Need(Key("mount", name, guest.name)) for name, disk in guest.disks.items() if disk.mount)


def declared_mounts(guest: Guest) -> Mapping[str, str]:
    """Data disk -> where it is to be mounted; empty for a raw one."""
    return {name: disk.mount or "" for name, disk in guest.disks.items()}


def unit_name(path: str) -> str:
    """The name that systemd demands of the unit that mounts *path* (systemd.unit(5), "String escaping")."""
    escaped = path.strip("/").replace("-", r"\x2d").replace("/", "-")
    return f"{escaped}.mount"


def unit_text(disk: str, serial: str, path: str) -> str:
    """systemd.mount(5). Engine and containers come after it; where the disk is missing they start without it."""
    return (
        f"[Unit]\nDescription=Data disk {disk}\nBefore=docker.service containerd.service\n\n"
        f"[Mount]\nWhat={device_path(serial)}\nWhere={path}\nType=ext4\n\n"
        f"[Install]\nWantedBy={' '.join(_WANTED_BY)}\n"
    )


def _observed(name: str, path: str, fields: list[str]) -> dict[str, str | bool] | None:
    """``None`` where the guest has no such disk, or nothing is on it."""
    if len(fields) < 6:
        return None
    _serial, mounted, sectors, superblock, enabled, unit = fields
    options, _blank, target = mounted.partition(" ")
    words = [int(word) for word in superblock.split()]
    if len(words) < 9 or not mounted:
        return None
    declared = unit_text(name, naming.disk_serial(name), path)
    return {
        "path": target,
        "unit": unit.strip() == declared.strip(),
        "enabled": enabled == "yes",
        "writable": not _READ_ONLY & set(options.split(",")),
        "grown": grown(words, int(sectors) * _SECTOR),
    }


def grown(superblock: list[int], size: int) -> bool:
    """Whether less than a block group of a disk of *size* bytes is left over. *superblock*: its first words of 32 bit
    (ext4's on-disk layout: blocks, and the logarithms and sizes that follow)."""
    blocks, log_size, group = superblock[1], superblock[6], superblock[8]
    return size // (1024 << log_size) - blocks < group


def _format_command(serial: str) -> str:
    """udev may be still at work on a disk that was plugged in a moment ago. Blank is only what can be read and has no
    signature at all: blkid(8) ends with 2 then, but also where it cannot read, and with 8 where it finds several."""
    device = shlex.quote(device_path(serial))
    return (
        f"set -e; device={device}; tries=0; "
        'while ! [ -e "$device" ] && [ $tries -lt 100 ]; do tries=$((tries + 1)); sleep 0.2; done; '
        'head -c 1048576 "$device" > /dev/null; '
        'found=$(blkid -p -o export "$device" 2>&1) && told=0 || told=$?; '
        'if [ "$told$found" = 2 ]; then mkfs.ext4 -q -E nodiscard "$device"; '
        'elif [ "$told" != 0 ]; then '
        'echo "what is on it cannot be told, so it was not formatted: blkid ended with $told. $found" >&2; exit 1; '
        'else type=$(echo "$found" | sed -n "s/^TYPE=//p"); [ "$type" = ext4 ] || '
        '{ echo "there is ${type:-a partition table} on it, not ext4" >&2; exit 1; }; fi'
    )


def _leave_command(serial: str, unit: str) -> str:
    """End mounts of the disk elsewhere."""
    what = shlex.quote(f"What={device_path(serial)}")
    return (
        f"for other in $(grep -lsx {what} /etc/systemd/system/*.mount || true); do "
        f'[ "$other" = {shlex.quote(unit)} ] || {{ systemctl disable --now "${{other##*/}}"; rm -f "$other"; }}; done'
    )


def _mount_command(serial: str, path: str, wrong: Set[str]) -> str:
    """*wrong*: leaves that are not as declared; none where it is not mounted at all."""
    name, device = shlex.quote(unit_name(path)), shlex.quote(device_path(serial))
    anew = not wrong or wrong & {"path", "unit"}
    return (
        f"set -e; systemctl daemon-reload; systemctl enable --quiet {name}; "
        f"systemctl {'restart' if anew else 'start'} {name}; "
        f"{_writable_command(device, path) if 'writable' in wrong and not anew else ''}resize2fs {device} > /dev/null"
    )


def _writable_command(device: str, path: str) -> str:
    """Not where the kernel made it read-only because of errors: writing on would do more harm."""
    return (
        f"device=$(readlink -f {device}); "
        'errors=$(cat "/sys/fs/ext4/${device##*/}/errors_count" 2>/dev/null || echo 0); '
        '[ "$errors" = 0 ] || { echo "errors in its file system: $errors, and it can only be read. '
        'Unmount it, run e2fsck -f $device on the guest, then run again" >&2; exit 1; }; '
        f"mount -o remount,rw {shlex.quote(path)}; "
    )
