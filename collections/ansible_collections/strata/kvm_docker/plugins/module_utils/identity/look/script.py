# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shell lines that print what a running Linux is: files of /proc and /etc, as few processes as can be, no Python.

Each part is printed between a line with its name and a boundary that nothing on the machine can know before.
"""

from __future__ import annotations

import hashlib
import io
import secrets
import shlex
import tarfile
from collections import defaultdict
from collections.abc import Iterable, Mapping

from ...errors import FingerprintError
from ...guest.machine import Machine

#: Files that are read as they are: part -> path.
FILES = {
    "kernel": "/proc/version",
    "cmdline": "/proc/cmdline",
    "os_release": "/etc/os-release",
    "hostname": "/proc/sys/kernel/hostname",
    "dpkg": "/var/lib/dpkg/status",
    "passwd": "/etc/passwd",
    "group": "/etc/group",
    "shadow": "/etc/shadow",
    "mounts": "/proc/self/mounts",
    "mounted": "/proc/self/mountinfo",
    "memory": "/proc/meminfo",
    "modules": "/proc/modules",
}
#: Two questions that one process answers; what a kernel without policy routing refuses comes last.
_ROUTES = "printf 'route show table all\\nrule show\\n'"
#: Part -> what prints it. A process costs more than what it reads: ``grep`` prints many files, each line with the
#: name of its file before it.
COMMANDS = {
    "plain": f"grep -as '' {' '.join(FILES.values())}",
    "rpm": "[ -e /var/lib/dpkg/status ] || rpm -qa --qf '%{NAME}.%{ARCH} %{EVR}\\n'",
    "apk": "[ -e /var/lib/dpkg/status ] || apk list --installed",
    "unit_links": "find /etc/systemd/system /usr/local/lib/systemd/system -type l -printf '%P -> %l\\n'",
    "units": "systemctl list-units --all --plain --no-legend --no-pager --type=service,socket,timer,path,target",
    "sysctls": "grep -asr '' /proc/sys",
    "addresses": "ip -j addr",
    "routes": f"{_ROUTES} | ip -4 -j -batch -",
    "routes6": f"{_ROUTES} | ip -6 -j -batch -",
    "firewall": "iptables-save; ip6tables-save; nft --stateless list ruleset",
    "sockets": "grep -as '' /proc/net/tcp /proc/net/tcp6 /proc/net/udp /proc/net/udp6 /proc/net/raw /proc/net/raw6",
    "commands": "grep -asz '' /proc/[0-9]*/cmdline",
    "statuses": "grep -asE '^(Name|PPid|Uid|Gid|CapEff|NoNewPrivs|Seccomp):' /proc/[0-9]*/status",
    "cgroups": "grep -as '' /proc/[0-9]*/cgroup",
    "self": "echo $$",
}
#: All parts.
PARTS = (*FILES, *(name for name in COMMANDS if name != "plain"), "inner_sockets")
#: Prints digests: BLAKE2b of 256 bits (RFC 7693), see :func:`digest_of`. Half the time of SHA-256 where no instruction
#: of the processor is made for it, as in an emulated guest.
_SUM = "b2sum -l 256 -z --"
_SECONDS = 120.0
_HASHING = 1800.0


def look(machine: Machine, pids: Iterable[int]) -> dict[str, str]:
    """What each of :data:`PARTS` is on *machine*; one that there is not is empty.

    The part ``inner_sockets`` has the sockets in the network namespaces of the processes *pids*.
    """
    inner = " ".join(f"/proc/{pid}/net/{name}" for pid in pids for name in ("tcp", "tcp6", "udp", "udp6"))
    told = read_parts(machine, {**COMMANDS, "inner_sockets": f"grep -as '' {inner}" if inner else ":"})
    plain = lines_by_file(told.pop("plain"))
    return {**told, **{part: "".join(f"{line}\n" for line in plain.get(path, ())) for part, path in FILES.items()}}


def lines_by_file(text: str) -> dict[str, list[str]]:
    """Lines as ``grep`` prints them, ``<path>:<line>``, by path; paths without a colon."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for line in text.split("\n"):
        path, colon, rest = line.partition(":")
        if colon:
            found[path].append(rest)
    return found


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
    """What ``find`` tells of all below *folders*, each on its own file system, and digests of the files.

    Records end with a NUL, as names of files may hold all else. Without folders there is nothing to tell; ``find``
    would list where it is.
    """
    roots = " ".join(shlex.quote(folder) for folder in folders)
    if not roots:
        return "", ""
    listing = f"find {roots} -xdev -printf '%y %m %U %G %s %C@ %l\\0%p\\0'"
    sums = f"find {roots} -xdev -type f -print0 | xargs -0 -r {_SUM}"
    parts = {"files": listing, **({"sums": sums} if with_content else {})}
    told = read_parts(machine, parts, _HASHING)
    return told["files"], told.get("sums", "")


def digests(machine: Machine, paths: Iterable[str]) -> dict[str, str]:
    """Digest of each of the files *paths*; one that is gone is left out."""
    asked = "\0".join(paths).encode(errors="surrogateescape")
    if not asked:
        return {}
    sums = machine.run(f"xargs -0 -r {_SUM} 2>/dev/null || true", stdin=asked, timeout=_HASHING)
    return by_path(sums.decode(errors="surrogateescape"))


def contents(machine: Machine, paths: Iterable[str]) -> dict[str, bytes]:
    """Content of each of the files *paths*, by path; one that is gone is left out.

    One archive of all, however many there are, in which a file of two names is there twice.
    """
    asked = "\0".join(paths).encode(errors="surrogateescape")
    if not asked:
        return {}
    options = "--no-recursion --absolute-names --hard-dereference --ignore-failed-read"
    command = f"tar --create {options} --null --verbatim-files-from --files-from=- 2>/dev/null || true"
    archive = machine.run(command, stdin=asked, timeout=_HASHING)
    with tarfile.open(fileobj=io.BytesIO(archive), errors="surrogateescape") as tar:
        files = {member.name: tar.extractfile(member) for member in tar if member.isfile()}
        return {path: file.read() for path, file in files.items() if file}


def digest_of(content: bytes) -> str:
    """The digest of *content* that :data:`_SUM` would print."""
    return hashlib.blake2b(content, digest_size=32).hexdigest()


def by_path(sums: str) -> dict[str, str]:
    """What :data:`_SUM` printed, by path."""
    return {record[66:]: record[:64] for record in sums.split("\0") if record}
