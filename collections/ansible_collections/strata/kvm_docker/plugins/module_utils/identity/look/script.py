# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shell lines that print what a running Linux is: files of /proc and /etc, as few processes as can be, no Python.

Each part is printed between a line with its name and a boundary that nothing on the machine can know before.
"""

from __future__ import annotations

import io
import secrets
import shlex
import tarfile
from collections.abc import Iterable, Mapping

from ...errors import FingerprintError
from ...guest.machine import Machine

#: Part -> what prints it. ``grep`` of many files prints each line with the name of its file before it.
SYSTEM = {
    "kernel": "uname -srvm",
    "cmdline": "cat /proc/cmdline",
    "os_release": "cat /etc/os-release",
    "hostname": "cat /proc/sys/kernel/hostname",
    "machine_id": "cat /etc/machine-id",
    "dpkg": "cat /var/lib/dpkg/status",
    "rpm": "rpm -qa --qf '%{NAME}.%{ARCH} %{EVR}\\n'",
    "apk": "apk list --installed",
    "unit_links": "find /etc/systemd/system /usr/local/lib/systemd/system -type l -printf '%P -> %l\\n'",
    "units": "systemctl list-units --all --plain --no-legend --no-pager --type=service,socket,timer,path,target",
    "passwd": "cat /etc/passwd",
    "group": "cat /etc/group",
    "shadow": "cat /etc/shadow",
    "mounts": "cat /proc/self/mounts",
    "modules": "cut -d' ' -f1 /proc/modules",
    "sysctls": "grep -asr '' /proc/sys",
    "links": "ip -j link",
    "addresses": "ip -j addr",
    "routes": "ip -j route show table all; ip -6 -j route show table all",
    "firewall": "iptables-save; ip6tables-save",
    "sockets": 'for p in tcp tcp6 udp udp6 raw raw6; do sed "s/^/$p /" /proc/net/$p; done',
    "commands": "grep -asz '' /proc/[0-9]*/cmdline",
    "statuses": "grep -asE '^(Name|PPid|Uid|Gid|CapEff|NoNewPrivs|Seccomp):' /proc/[0-9]*/status",
    "cgroups": "grep -as '' /proc/[0-9]*/cgroup",
    "self": "echo $$",
}
_SECONDS = 120.0
_HASHING = 1800.0


def sockets_of(pids: Iterable[int]) -> dict[str, str]:
    """Parts that print the sockets in the network namespaces of processes."""
    return {f"sockets {pid}": f'for p in tcp tcp6 udp udp6; do sed "s/^/$p /" /proc/{pid}/net/$p; done' for pid in pids}


def read_parts(machine: Machine, parts: Mapping[str, str], timeout: float = _SECONDS) -> dict[str, str]:
    """What each of *parts* printed on *machine*; one that fails has printed nothing."""
    boundary = secrets.token_hex(16)
    lines = (f"printf '\\n%s %s\\n' {boundary} {shlex.quote(name)}; {{ {line}; }}" for name, line in parts.items())
    script = "exec 2>/dev/null; export LC_ALL=C TZ=UTC\n" + "\n".join(lines) + f"\nprintf '\\n%s\\n' {boundary}\n"
    said = machine.run("sh -s", stdin=script.encode(), timeout=timeout).decode(errors="surrogateescape")
    sections = said.split(f"\n{boundary}")
    if len(sections) != len(parts) + 2:
        raise FingerprintError("a guest's answer was cut short. Run again.")
    return dict(_named(section) for section in sections[1:-1])


def _named(section: str) -> tuple[str, str]:
    name, _end, text = section.partition("\n")
    return name[1:], text


def list_files(machine: Machine, folders: Iterable[str], with_content: bool) -> tuple[str, str]:
    """What ``find`` tells of all below *folders*, each on its own file system, and SHA-256 sums of the files.

    Records end with a NUL, as names of files may hold all else.
    """
    roots = " ".join(shlex.quote(folder) for folder in folders)
    listing = f"find {roots} -xdev -printf '%y %m %U %G %s %C@ %l\\0%p\\0'"
    sums = f"find {roots} -xdev -type f -print0 | xargs -0 -r sha256sum -z --"
    parts = {"files": listing, **({"sums": sums} if with_content else {})}
    told = read_parts(machine, parts, _HASHING)
    return told["files"], told.get("sums", "")


def digests(machine: Machine, paths: Iterable[str]) -> dict[str, str]:
    """SHA-256 of each of the files *paths*; one that is gone is left out."""
    asked = "\0".join(paths).encode(errors="surrogateescape")
    sums = (
        machine.run("xargs -0 -r sha256sum -z -- 2>/dev/null || true", stdin=asked, timeout=_HASHING) if asked else b""
    )
    return by_path(sums.decode(errors="surrogateescape"))


def contents(machine: Machine, paths: Iterable[str]) -> dict[str, bytes]:
    """Content of each of the files *paths*, by path; one that is gone is left out."""
    asked = "\0".join(paths).encode(errors="surrogateescape")
    if not asked:
        return {}
    command = "xargs -0 tar --create --no-recursion --absolute-names --ignore-failed-read -- 2>/dev/null || true"
    archive = machine.run(command, stdin=asked, timeout=_HASHING)
    with tarfile.open(fileobj=io.BytesIO(archive), errors="surrogateescape") as tar:
        files = {member.name: tar.extractfile(member) for member in tar if member.isfile()}
        return {path: file.read() for path, file in files.items() if file}


def by_path(sums: str) -> dict[str, str]:
    """What ``sha256sum -z`` printed, by path."""
    return {record[66:]: record[:64] for record in sums.split("\0") if record}
