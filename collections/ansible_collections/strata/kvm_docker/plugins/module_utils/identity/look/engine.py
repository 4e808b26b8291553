# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An engine and all that is on it, owned or not: what its API tells -> branches, and names for the ids that it drew."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from ...docker.errors import engine_errors
from ...docker.image_marks import LAYERS, MARKS, STAGES
from ...naming import LABEL_SOURCE
from ..known.known import Source, known
from ..leaf import Branch, Plane
from .applied import opened, within

if TYPE_CHECKING:
    import docker

_Made = TypeVar("_Made")
#: Inspections at once; through an SSH connection an answer takes tens of milliseconds.
_AT_ONCE = 6
_LAYER = re.compile(r"/overlay2/([0-9a-f]{64})/diff$")
#: Lists whose order says nothing: what each entry is told by.
_KEYED: Mapping[str, Callable[[Any], str]] = {
    "Env": lambda entry: str(entry).partition("=")[0],
    "Mounts": lambda entry: str(entry.get("Destination") or entry.get("Target")),
    "Ulimits": lambda entry: str(entry["Name"]),
    "Aliases": str,
    "DNSNames": str,
    "CapAdd": str,
    "CapDrop": str,
    "SecurityOpt": str,
    "RepoTags": str,
    "RepoDigests": str,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineLook:
    """What one look at the engine of *guest* found: inspections by name; of images by reference."""

    guest: str
    info: Mapping[str, Any]
    version: Mapping[str, Any]
    containers: Mapping[str, Mapping[str, Any]]
    images: Mapping[str, Mapping[str, Any]]
    networks: Mapping[str, Mapping[str, Any]]
    volumes: Mapping[str, Mapping[str, Any]]

    @property
    def pids(self) -> list[int]:
        """First process of each container that runs."""
        return sorted({c["State"]["Pid"] for c in self.containers.values() if c["State"].get("Pid")})

    @property
    def checks(self) -> dict[str, str]:
        """Container id -> the command line of its health check, of those that have one."""
        found = {}
        for container in self.containers.values():
            kind, *words = (container["Config"].get("Healthcheck") or {}).get("Test") or ["NONE"]
            shell = container["Config"].get("Shell") or ["/bin/sh", "-c"]
            if words:
                found[container["Id"]] = " ".join([*shell, *words] if kind == "CMD-SHELL" else words)
        return found


def look_at_engine(guest: str, client: docker.APIClient) -> EngineLook:
    """Everything on the engine behind *client*."""
    with engine_errors(f"engine of guest {guest}"), ThreadPoolExecutor(_AT_ONCE) as pool:
        info, version = pool.submit(client.info), pool.submit(client.version)
        volumes = pool.submit(client.volumes)
        rows = [row["Id"] for row in client.containers(all=True)]
        containers = _each(pool, client.inspect_container, rows)
        images = _each(pool, client.inspect_image, sorted({row["Id"] for row in client.images()}))
        networks = _each(pool, client.inspect_network, [row["Id"] for row in client.networks()])
        return EngineLook(
            guest=guest,
            info=info.result(),
            version=version.result(),
            containers={container["Name"].lstrip("/"): container for container in containers},
            images=dict(_by_reference(images)),
            networks=dict(told_apart(networks)),
            volumes=named_volumes(volumes.result()["Volumes"] or (), containers),
        )


def told_apart(networks: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """By name, the oldest first: an engine may have several networks of one name."""
    seen: Counter[str] = Counter()
    for network in sorted(networks, key=lambda network: str(network.get("Created"))):
        seen[network["Name"]] += 1
        yield _numbered(network["Name"], seen[network["Name"]]), network


def _numbered(name: str, number: int) -> str:
    return name if number == 1 else f"{name} ({number})"


def _each(pool: ThreadPoolExecutor, inspect: Callable[[str], _Made], ids: Iterable[str]) -> list[_Made]:
    """Inspections of *ids*; what vanished meanwhile is left out."""
    from docker.errors import NotFound

    def one(identity: str) -> _Made | None:
        try:
            return inspect(identity)
        except NotFound:
            return None

    return [found for found in pool.map(one, ids) if found is not None]


def _by_reference(images: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each image under every tag; one without a tag by what it was made from, else by its layers, the oldest first."""
    seen: Counter[str] = Counter()
    for image in sorted(images, key=lambda image: str(image.get("Created"))):
        tags = image.get("RepoTags") or ()
        for tag in tags:
            yield tag, image
        if not tags:
            layers = (image.get("RootFS") or {}).get("Layers") or [image["Id"]]
            name = f"<none> {_source(image) or layers[-1]}"
            seen[name] += 1
            yield _numbered(name, seen[name]), image


def _source(image: Mapping[str, Any]) -> str:
    """What we made it from, as its label says; empty for an image of others."""
    return str(((image.get("Config") or {}).get("Labels") or {}).get(LABEL_SOURCE, ""))


def named_volumes(
    volumes: Iterable[Mapping[str, Any]], containers: Iterable[Mapping[str, Any]]
) -> dict[str, Mapping[str, Any]]:
    """By name; one that the engine named is known by the container, the first by name, and folder that it is for."""
    users = {
        mount["Name"]: f"<{container['Name'].lstrip('/')}>{mount['Destination']}"
        for container in sorted(containers, key=lambda container: str(container["Name"]), reverse=True)
        for mount in container.get("Mounts") or ()
        if mount.get("Type") == "volume"
    }
    drawn = re.compile(r"[0-9a-f]{64}")
    return {
        users.get(volume["Name"], volume["Name"]) if drawn.fullmatch(volume["Name"]) else volume["Name"]: volume
        for volume in volumes
    }


def chance_names(look: EngineLook) -> dict[str, str]:
    """Id -> what it stands for, of all that the engine drew: containers, networks, images, layers, volumes."""
    found: dict[str, str] = {}
    for index, layer in _layers(look):
        found.setdefault(layer, f"layer {index}")
    for name, volume in look.volumes.items():
        if volume["Name"] != name:
            found[volume["Name"]] = f"volume {name}"
    for reference, image in reversed(_ordered(look.images)):
        found[image["Id"].removeprefix("sha256:")] = f"image {reference}"
    for kind, objects in (("network", look.networks), ("container", look.containers)):
        for name, inspected in objects.items():
            found[inspected["Id"]] = f"{kind} {name}"
            found[inspected["Id"][:12]] = f"{kind} {name}"
    for name, container in look.containers.items():
        for layer in _folders(container, "UpperDir"):
            found[layer] = f"layer of {name}"
    return found


def places(look: EngineLook) -> dict[str, tuple[str, ...]]:
    """Folder of the engine's machine -> the path in the tree that its files belong to."""
    root = str(look.info.get("DockerRootDir", "/var/lib/docker"))
    found: dict[str, tuple[str, ...]] = {}
    for index, layer in _layers(look):
        reference, _blank, number = index.rpartition(" ")
        found.setdefault(f"{root}/overlay2/{layer}/diff", ("images", look.guest, reference, "files", number))
    for name, container in look.containers.items():
        for layer in _folders(container, "UpperDir"):
            found[f"{root}/overlay2/{layer}/diff"] = ("containers", look.guest, name, "files")
    for name, volume in look.volumes.items():
        if volume.get("Mountpoint"):
            found[volume["Mountpoint"]] = ("docker_volumes", look.guest, name, "files")
    return found


def _ordered(images: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, Mapping[str, Any]]]:
    """In an order that stays; our marks last, as they hold the environment's name and a rule takes them out."""
    return sorted(images.items(), key=lambda item: (item[0].startswith((LAYERS, MARKS, STAGES)), item[0]))


def _layers(look: EngineLook) -> Iterator[tuple[str, str]]:
    """``reference number`` and id of each layer of an image, from the lowest one, in an order that stays."""
    for reference, image in _ordered(look.images):
        lowest_first = [*_folders(image, "UpperDir"), *_folders(image, "LowerDir")][::-1]
        for number, layer in enumerate(lowest_first):
            yield f"{reference} {number}", layer


def _folders(inspected: Mapping[str, Any], name: str) -> list[str]:
    """Ids of the folders of overlay2 that an inspection names, the topmost first; none with another driver."""
    data = (inspected.get("GraphDriver") or {}).get("Data") or {}
    return [match[1] for part in str(data.get(name) or "").split(":") if (match := _LAYER.search(part))]


def engine_branches(look: EngineLook) -> Iterator[Branch]:
    """Branches of the engine itself, and of what is on it but for files and processes."""
    guest = look.guest
    yield _branch(("engines", guest, "info"), look.info, "definition", "info", 2)
    yield _branch(("engines", guest, "version"), look.version, "content", "version", 3)
    for reference, image in look.images.items():
        path, built = ("images", guest, reference), _built(image, look)
        yield _branch(path, _image(image, built), "definition", "image", 2)
        if built:
            layers = image["RootFS"]["Layers"][-built:]
            yield Branch(path=(*path, "BuiltLayers"), tree=layers, plane="definition", level=2)
    for name, network in look.networks.items():
        yield _branch(("docker_networks", guest, name), _network(network), "definition", "docker_network", 2)
    for name, volume in look.volumes.items():
        yield _branch(("docker_volumes", guest, name), volume, "definition", "docker_volume", 2)
    for name, container in look.containers.items():
        path = ("containers", guest, name)
        rest = {key: value for key, value in _container(container).items() if key not in ("State", "RestartCount")}
        yield _branch(path, rest, "definition", "container", 2)
        state = {key: container[key] for key in ("State", "RestartCount") if key in container}
        state["State"] = _state(container["State"])
        yield _branch(path, state, "runtime", "container", 3)


def _container(container: Mapping[str, Any]) -> dict[str, Any]:
    """In one of the words that clients have for the same: ``NET_ADMIN`` for ``CAP_NET_ADMIN``, and no ``Init`` for a
    false one. An engine may be set to give every container an init that does not refuse it; that is seen among its
    processes."""
    host = dict(container.get("HostConfig") or {})
    for name in ("CapAdd", "CapDrop"):
        host[name] = [str(word).upper().removeprefix("CAP_") for word in host.get(name) or ()]
    if not host.get("Init"):
        host.pop("Init", None)
    return {**container, "HostConfig": host}


def _state(state: Mapping[str, Any]) -> dict[str, Any]:
    """Without what a container that runs ended with before, and without what its health checks wrote."""
    told = {key: value for key, value in state.items() if key != "ExitCode" or not state.get("Running")}
    health = told.get("Health")
    if health:
        checks = [{key: value for key, value in check.items() if key != "Output"} for check in health.get("Log") or ()]
        told["Health"] = {**health, "Log": checks}
    return told


def _branch(path: tuple[str, ...], tree: Any, plane: Plane, source: Source, level: int) -> Branch:
    return Branch(path=path, tree=opened(_keyed(tree)), plane=plane, level=level, knows=within(known(source).knows))


def _keyed(value: Any, name: str = "") -> Any:
    """Lists whose order says nothing as mappings, and nothing for what is empty.

    An engine that was restarted tells an empty list where it told none before (``HostConfig.Dns``).
    """
    if value in ([], {}):
        return None
    if isinstance(value, Mapping):
        return {key: _keyed(inner, key) for key, inner in value.items()}
    if not isinstance(value, list):
        return value
    if name not in _KEYED:
        return [_keyed(inner) for inner in value]
    keyed = {_KEYED[name](entry): _keyed(entry) for entry in value}
    return {key: _value(entry) for key, entry in keyed.items()}


def _value(entry: Any) -> Any:
    """The value of a pair ``name=value``; anything else as it is."""
    return entry.partition("=")[2] if isinstance(entry, str) and "=" in entry else entry


def _image(image: Mapping[str, Any], built: int) -> dict[str, Any]:
    """Without the layers that a build made, which are a branch of their own."""
    layers = image["RootFS"]["Layers"] if built else []
    return {**image, "RootFS": {**image["RootFS"], "Layers": layers[:-built]}} if built else dict(image)


def _built(image: Mapping[str, Any], look: EngineLook) -> int:
    """How many of its layers a build of ours made on those of its base: their digests hold times."""
    if not _source(image).startswith("context:"):
        return 0
    layers = image["RootFS"]["Layers"]
    others = [(other.get("RootFS") or {}).get("Layers") or [] for other in look.images.values()]
    return len(layers) - max((len(o) for o in others if len(o) < len(layers) and layers[: len(o)] == o), default=0)


def _network(network: Mapping[str, Any]) -> dict[str, Any]:
    """Endpoints by the name of their container; its id is drawn."""
    ends = {end.get("Name", key): end for key, end in (network.get("Containers") or {}).items()}
    return {**network, "Containers": ends}
