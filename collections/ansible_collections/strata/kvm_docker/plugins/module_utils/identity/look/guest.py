# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A guest's operating system: what :mod:`.script` printed -> branches. No I/O."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..leaf import Branch, Plane, Secret
from .processes import Processes, listening

_FIELD = re.compile(r"^(Package|Version|Status|Architecture): (.*)$", re.MULTILINE)


def guest_branches(guest: str, parts: Mapping[str, str], processes: Processes) -> Iterator[Branch]:
    """Branches of *guest*, of the *parts* of ``script.PARTS``."""

    def branch(name: str, tree: Any, plane: Plane, level: int = 3) -> Branch:
        return Branch(path=("guests", guest, name), tree=tree, plane=plane, level=level)

    yield branch("boot", _boot(parts), "content")
    yield branch("packages", packages(parts), "content")
    yield branch("users", _records(parts["passwd"]), "content")
    yield branch("groups", _groups(parts["group"]), "content")
    yield branch("passwords", _passwords(parts["shadow"]), "content")
    yield branch("enabled_units", _unit_links(parts["unit_links"]), "content")
    yield branch("units", dict(_units(parts["units"])), "runtime")
    yield branch("mounts", _mounts(parts), "runtime")
    yield branch("modules", {line.split()[0]: "loaded" for line in parts["modules"].splitlines()}, "runtime")
    yield branch("sysctls", _sysctls(parts["sysctls"]), "runtime")
    yield branch("links", _links(parts), "runtime")
    yield branch("routes", _counted(_route(route) for route in _routes(parts)), "runtime")
    yield branch("routing_rules", _routing_rules(parts), "runtime")
    yield branch("firewall", _firewall(parts["firewall"]), "runtime")
    yield branch("sockets", listening(parts["sockets"]), "runtime")
    yield branch("processes", processes.of_guest(), "runtime")


def _boot(parts: Mapping[str, str]) -> dict[str, Any]:
    release = (line.partition("=") for line in parts["os_release"].splitlines() if "=" in line)
    return {
        "kernel": parts["kernel"].strip(),
        "hostname": parts["hostname"].strip(),
        "command_line": _counted(parts["cmdline"].split()),
        "os_release": {name: value.strip('"') for name, _is, value in release},
    }


def _counted(things: Iterable[str]) -> dict[str, int]:
    """Thing -> how often it is there; in which order does not count."""
    return dict(Counter(things))


def packages(parts: Mapping[str, str]) -> dict[str, str]:
    """Name -> version and architecture, of whatever package manager there is."""
    if parts["dpkg"]:
        return dict(_dpkg(parts["dpkg"]))
    if parts["rpm"]:
        return _records("\n".join(line.replace(" ", ":", 1) for line in parts["rpm"].splitlines()))
    return {line.split(" ")[0]: "installed" for line in parts["apk"].splitlines() if line}


def _dpkg(status: str) -> Iterator[tuple[str, str]]:
    """Removed packages that left settings behind are told with their state."""
    for paragraph in status.split("\n\n"):
        fields = dict(_FIELD.findall(paragraph))
        if "Package" in fields:
            state = "" if fields.get("Status", "").endswith("ok installed") else f" ({fields.get('Status')})"
            yield f"{fields['Package']}:{fields.get('Architecture', '')}", f"{fields.get('Version', '')}{state}"


def _records(text: str) -> dict[str, str]:
    """Lines ``name:rest`` -> name -> rest; a name that is there again has a number."""
    found: dict[str, str] = {}
    seen: Counter[str] = Counter()
    for line in text.splitlines():
        name, _is, rest = line.partition(":")
        if name:
            seen[name] += 1
            found[name if seen[name] == 1 else f"{name} ({seen[name]})"] = rest
    return found


def _groups(text: str) -> dict[str, str]:
    return {name: rest.partition(":")[2] for name, rest in _records(text).items()}


def _passwords(text: str) -> dict[str, Any]:
    """``!`` and ``*`` let nobody in and are no secret; the day of the last change of a password tells when it was."""
    found: dict[str, Any] = {}
    for name, rest in _records(text).items():
        password, changed, *ages = rest.split(":")
        locked = re.fullmatch(r"[!*]*", password)
        found[name] = {
            "password": (password or "none") if locked else Secret(password),
            "changed": changed,
            "ages": ":".join(ages),
        }
    return found


def _unit_links(text: str) -> dict[str, str]:
    return {where: target for where, _is, target in (line.partition(" -> ") for line in text.splitlines()) if where}


def _units(text: str) -> Iterator[tuple[str, str]]:
    """Name -> loaded, active and sub state; those that somebody only refers to are left out."""
    for line in text.splitlines():
        words = line.removeprefix("●").split(maxsplit=4)
        if len(words) >= 4 and words[1] != "not-found":
            yield words[0], " ".join(words[1:4])


def _mounts(parts: Mapping[str, str]) -> dict[str, Any]:
    """Mount point -> what of which type with which options, the topmost one of several.

    The fourth field of mountinfo (proc(5)) is the folder of the source that is seen there.
    """
    mounted = (line.split() for line in parts["mounted"].splitlines())
    folders = {target: folder for _id, _of, _device, folder, target, *_more in mounted}
    half = _default_size(parts["memory"])
    found = {}
    for line in parts["mounts"].splitlines():
        source, target, kind, options, *_more = line.split(" ")
        told = {"source": source, "folder": folders.get(target, ""), "type": kind}
        given = [option for option in options.split(",") if not _is_about(half, option)]
        found[target] = {**told, "options": _counted(given)}
    return found


def _default_size(memory: str) -> int:
    """The size in KiB that a file system in memory has by default (tmpfs(5)), half of the memory."""
    total = re.search(r"MemTotal: +(\d+) kB", memory)
    return int(total[1]) // 2 if total else 0


def _is_about(default: int, option: str) -> bool:
    """Whether *option* is the default size: where the memory that the kernel reckons with has changed since the mount,
    after some boots only, it tells that size."""
    size = re.fullmatch(r"size=(\d+)k", option)
    return bool(size and abs(int(size[1]) - default) <= default / 100)


def _sysctls(text: str) -> dict[str, Any]:
    """A nested mapping by the folders of /proc/sys.

    Numbers between tabs are a list, as some of them may follow from the machine and others be set; a value of several
    lines is one text.
    """
    lines: dict[str, list[str]] = {}
    path = ""
    for line in text.splitlines():
        if line.startswith("/proc/sys/"):
            path, _is, line = line.partition(":")
        lines.setdefault(path, []).append(line)
    tree: dict[str, Any] = {}
    for path, values in lines.items():
        *above, name = path.removeprefix("/proc/sys/").split("/")
        node = tree
        for folder in above:
            node = node.setdefault(folder, {})
        value = "\n".join(values)
        node[name] = value.split("\t") if "\t" in value and len(values) == 1 else value
    return {**tree, "user": _of_threads(tree)} if "user" in tree else tree


def _of_threads(tree: Mapping[str, Any]) -> dict[str, str]:
    """Limits of namespaces, which the kernel sets to half of its threads: those follow from memory, others were set."""
    half = str(int(tree.get("kernel", {}).get("threads-max", 0)) // 2)
    return {name: "half of threads-max" if limit == half else limit for name, limit in tree["user"].items()}


def _json(text: str) -> list[dict[str, Any]]:
    """What ``ip -j`` printed: one list a line; nothing where that is something else."""
    try:
        return [item for line in text.splitlines() if line for item in json.loads(line) if item]
    except ValueError:
        return []


def is_told(part: str, text: str) -> bool:
    """Whether *text* tells of the *part* that it was printed for (see ``script.PARTS``)."""
    return bool(_json(text) if part in ("addresses", "routes") else text.strip())


def _links(parts: Mapping[str, str]) -> dict[str, Any]:
    """Interface -> its state with its addresses; numbers and times left out by rules, and not here."""
    found: dict[str, Any] = {}
    for link in _json(parts["addresses"]):
        flags = _counted(link.pop("flags", ()))
        addresses = {f"{a.pop('local', '')}/{a.pop('prefixlen', '')}": a for a in link.pop("addr_info", ())}
        found[link.pop("ifname")] = {**link, "flags": flags, "addresses": addresses}
    return found


def _routes(parts: Mapping[str, str]) -> list[dict[str, Any]]:
    return [each for part in ("routes", "routes6") for each in _json(parts[part]) if not _is_rule(each)]


def _is_rule(told: Mapping[str, Any]) -> bool:
    """A rule tells which table is asked, and has a priority; of a route that is called its metric."""
    return "priority" in told


def _route(route: Mapping[str, Any]) -> str:
    flags = " ".join(sorted(route.get("flags", ())))
    rest = " ".join(f"{key} {route[key]}" for key in sorted(route) if key not in ("dst", "flags", "expires", "used"))
    return f"{route.get('dst')} {rest} {flags}".strip()


def _routing_rules(parts: Mapping[str, str]) -> dict[str, Any]:
    """Protocol -> rule, its priority first -> how often it is there."""
    rules = {"ipv4": _json(parts["routes"]), "ipv6": _json(parts["routes6"])}
    return {protocol: _counted(_rule(each) for each in told if _is_rule(each)) for protocol, told in rules.items()}


def _rule(rule: Mapping[str, Any]) -> str:
    rest = " ".join(f"{key} {rule[key]}".strip() for key in sorted(rule) if key != "priority")
    return f"{rule['priority']} {rest}"


def _firewall(text: str) -> dict[str, Any]:
    """Protocol and table -> rule -> how often; the order that engines add rules of containers in is chance.

    Rules that only ``nft`` knows of are told by its lines, below the table that they are in.
    """
    found: dict[str, Counter[str]] = {}
    table, protocol = "", "ipv4"
    for line in text.splitlines():
        if line.startswith("# Generated by ip6tables"):
            protocol = "ipv6"
        elif line.startswith("*"):
            table = f"{protocol} {line[1:]}"
        elif line.startswith("table "):
            table = f"nft {line.removeprefix('table ').removesuffix(' {')}"
        elif line.startswith((":", "-")) or (table.startswith("nft ") and line.strip(" \t}")):
            found.setdefault(table, Counter())[re.sub(r" \[\d+:\d+\]$", "", line.strip())] += 1
    return {name: dict(rules) for name, rules in found.items()}
