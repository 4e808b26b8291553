# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an engine shows of a project, as leaves that can be compared, and where we differ from `docker compose`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import docker

Leaves = dict[str, Any]

#: Leaves that follow from the moment, not from the declaration.
VOLATILE = re.compile(
    r"(^|/)(Id|Created|CreatedAt|ExecIDs|State/.*|GraphDriver/.*|\w+Path|Mountpoint|NetworkID|EndpointID|SandboxID|SandboxKey)$"
    r"|/NetworkSettings/(IP\w+|Mac\w+|Gateway|Global\w+|LinkLocal\w+)$"
    r"|/NetworkSettings/Networks/[^/]+/(IPAddress|IPPrefixLen|IPv6Gateway|Gateway|Global\w+|MacAddress)$"
    r"|^network/[^/]+/Containers/|^network/(?!\w+_lan/)[^/]+/IPAM/Config$"
)

#: Pattern of a leaf -> why ours is another than theirs. Each must be met by the corpus.
ON_PURPOSE: dict[str, str] = {
    r"/Labels/com\.docker\.compose\.": "Compose's own marks; ours say whose an object is",
    r"/Labels/strata\.": "our marks; what was applied is how a key that left the file is noticed",
    r"/Config/AttachStd(out|err)$": "Compose creates as if to attach; nobody does",
    r"/Config/Hostname$": "the container's name, not its id, which is another each time",
    r"/Config/StopTimeout$": "the engine's default of 10 s is given, so that an edit is noticed",
    r"/HostConfig/RestartPolicy/Name$": "`no` is given, so that an edit is noticed; an engine takes nothing for it",
    r"/Mounts//(run/secrets|etc)/\w+/Source$": "a file on the guest, written from the content; Compose mounts its own",
    r"/Mounts//vol/(Source|Target|Type|Mode|Name)$": "a volume of the image gets a name, so its data is found again",
    r"^volume/[a-z_]+-[a-z]+-1-[0-9a-f]{12}/": "the same, as a volume",
    r"/HostConfig/Tmpfs/|/Mounts//(cache|run)/": "a tmpfs is a mount like others; Compose uses an older notation",
    r"^container/volumes-app-1(/HostConfig)?/(Binds$|Mounts//programs/)": "the same in two notations",
    r"/HostConfig/CapAdd$": "CAP_CHOWN is CHOWN, so that both spellings are the same",
    r"^container/replicas-app-\d/.*/(PortBindings|Ports)/": "each replica has its port of a range",
    r"^container/names-own/NetworkSettings/.*/Aliases$": "an engine resolves a container's name without an alias",
}

_KEYS = {"Mounts": ("Destination", "Target"), "Ulimits": ("Name",), "Devices": ("PathInContainer",)}


def trees(client: docker.APIClient, project: str) -> Leaves:
    """The leaves of every container, network and volume of *project*, by what they are called."""
    mine = {"name": [project]}
    found: Leaves = {}
    rows = client.containers(all=True, filters=mine)
    names = {row["Id"]: row["Names"][0] for row in rows}
    for row in rows:
        inspected = client.inspect_container(row["Id"])
        found |= dict(_leaves(f"container{inspected['Name']}", _plain(inspected, names)))
    for network in client.networks(filters=mine):
        found |= dict(_leaves(f"network/{network['Name']}", client.inspect_network(network["Id"])))
    for volume in client.volumes(filters=mine)["Volumes"] or ():
        if len(volume["Name"]) != 64:
            found |= dict(_leaves(f"volume/{volume['Name']}", volume))
    return {path: value for path, value in found.items() if not VOLATILE.search(path)}


def differences(theirs: Leaves, ours: Leaves) -> dict[str, tuple[Any, Any]]:
    """Path -> (theirs, ours). What is empty is the same as what is absent: clients write the one or the other."""
    paths = sorted(theirs.keys() | ours.keys())
    return {
        path: (theirs.get(path), ours.get(path))
        for path in paths
        if (theirs.get(path) or None) != (ours.get(path) or None)
    }


def explained(path: str) -> Iterator[str]:
    """The entries of the table that *path* is met by."""
    return (pattern for pattern in ON_PURPOSE if re.search(pattern, path))


def _plain(inspected: dict[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Without ids: a container's own among its aliases, and that of one whose namespace it shares."""
    for endpoint in inspected["NetworkSettings"]["Networks"].values():
        endpoint["Aliases"] = sorted({*(endpoint["Aliases"] or ())} - {inspected["Id"][:12]})
    host = inspected["HostConfig"]
    for mode in ("NetworkMode", "PidMode", "IpcMode"):
        kind, _colon, identity = host[mode].partition(":")
        host[mode] = f"{kind}:{names[identity]}" if kind == "container" else host[mode]
    return inspected


def _leaves(path: str, tree: Any) -> Iterator[tuple[str, Any]]:
    tree = _keyed(path.rpartition("/")[2], tree)
    if isinstance(tree, Mapping) and tree:
        for key, value in tree.items():
            yield from _leaves(f"{path}/{key}", value)
    else:
        yield path, tree


def _keyed(name: str, tree: Any) -> Any:
    """Lists whose order says nothing, as mappings."""
    if name == "Env":
        return {pair.partition("=")[0]: pair for pair in tree or ()}
    if name in ("Binds", "SecurityOpt", "CapAdd", "CapDrop", "ExtraHosts") and tree:
        return sorted(tree)
    if isinstance(tree, list) and tree and isinstance(tree[0], Mapping) and name in _KEYS:
        return {next(entry[key] for key in _KEYS[name] if key in entry): entry for entry in tree}
    return tree
