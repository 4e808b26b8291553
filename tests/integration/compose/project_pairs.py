# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pairs of small Compose projects that an engine can run, each as a tree in the form of a Compose file.

What is drawn may name what is not there, or claim twice what only one can have: :func:`runnable` leaves that out, so
that parts of one project can stand in another one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from container_lab import PLAIN, SLEEP
from hypothesis import strategies as st
from tree_pairs import Fields, Tree, one_of, some, some_of, tree_pairs

#: Each may depend on those before it.
SERVICES = ("db", "app", "web")
#: Runs to its end, before the services that wait for that.
JOB = "job"
#: The network with a declared subnet, which is the only one that has fixed addresses.
LAN = "lan"

#: Under which processes of PID 1 end at once when they are told to.
COMMANDS = [list(SLEEP), ["sh", "-c", f"true; {SLEEP[2]}"]]


NAMED = st.dictionaries(one_of("A", "B", "PASSWORD"), one_of("", "1", "x=y"), min_size=1)
MOUNTS = some_of(
    "data:/data",
    "logs:/logs:ro",
    "/usr:/host:ro",
    "/nameless",
    {"type": "volume", "source": "data", "target": "/again", "volume": {"nocopy": True}},
    {"type": "bind", "source": "/bin", "target": "/programs", "read_only": True},
    {"type": "tmpfs", "target": "/scratch", "tmpfs": {"size": 1048576}},
)
ENDPOINT = some(
    aliases=some_of("one", "two"), last_octet=st.integers(9, 11), priority=st.integers(0, 2)
) | st.none()  # fmt: skip
LIMITS = {
    "cpus": one_of(0.5, 1.0),
    "cpu_shares": one_of(512, 2048),
    "cpuset": one_of("0", "0-1"),
    "mem_limit": one_of("64m", "96m"),
    "mem_reservation": one_of("16m", "32m"),
    "pids_limit": one_of(50, 100, -1),
}
OPTIONS = dict(
    **LIMITS,
    command=one_of(*COMMANDS),
    environment=NAMED,
    labels=NAMED,
    ports=some_of("18600-18602:80", "127.0.0.1:18610-18612:81", "18620-18622:53/udp"),
    expose=some_of("3000", "4000/udp"),
    network_mode=one_of("none", "service:db"),
    volumes=MOUNTS,
    tmpfs=one_of("/run", "/run:size=1m"),
    configs=some_of("conf", {"source": "conf", "target": "/etc/conf", "mode": 0o400}),
    secrets=some_of("key"),
    healthcheck=one_of(
        {"test": ["CMD", "true"], "interval": "200ms"}, {"test": "true", "interval": "300ms"}, {"disable": True}
    ),
    restart=one_of("no", "always", "unless-stopped", "on-failure:3"),
    depends_on=st.dictionaries(
        one_of("db", "app"),
        some(condition=one_of("service_started", "service_healthy"), restart=st.booleans()),
        min_size=1,
    ),
    after_job=st.just(True),
    deploy=some(
        replicas=st.integers(1, 3),
        update_config=some(order=one_of("stop-first", "start-first"), parallelism=st.integers(1, 2)),
    ),
    container_name=one_of("named", "renamed"),
    hostname=one_of("host", "guest"),
    user=one_of("1000", "1000:1000"),
    working_dir=one_of("/bin", "/"),
    cap_drop=some_of("CHOWN", "KILL"),
    ulimits=some(nofile=one_of(512, {"soft": 256, "hard": 512}), core=st.just(0)),
    stop_grace_period=one_of("0s", "1s"),
    extra_hosts=some_of("one:10.0.0.1", "two:10.0.0.2"),
)
SERVICE = st.fixed_dictionaries({"networks": st.dictionaries(one_of(LAN, "back"), ENDPOINT)}, optional=OPTIONS)
SUBNET = st.fixed_dictionaries(
    {"third_octet": one_of(1, 2)},
    optional={"gateway": st.just(254), "ip_range": st.just("128/25"), "aux_addresses": st.just({"spare": 3})},
)
LAN_NETWORK = st.fixed_dictionaries({"subnet": SUBNET}, optional={"labels": NAMED, "attachable": st.booleans()})
BACK_NETWORK = some(
    labels=NAMED,
    internal=st.booleans(),
    driver_opts=st.dictionaries(st.just("com.docker.network.bridge.enable_icc"), one_of("true", "false"), min_size=1),
    name=st.just("pairs_behind"),
)


def _content(*texts: str) -> st.SearchStrategy[Fields]:
    return st.fixed_dictionaries({"content": one_of(*texts)})


PROJECTS: st.SearchStrategy[Tree] = st.fixed_dictionaries(
    {
        "services": some_of(*SERVICES).flatmap(lambda names: st.fixed_dictionaries(dict.fromkeys(names, SERVICE))),
        "jobs": st.fixed_dictionaries({JOB: some(environment=NAMED, labels=NAMED)}),
        "networks": st.fixed_dictionaries({LAN: LAN_NETWORK}, optional={"back": BACK_NETWORK}),
        "volumes": st.fixed_dictionaries(
            {"data": some(labels=NAMED)}, optional={"logs": some(labels=NAMED, name=st.just("pairs_log"))}
        ),
        "configs": st.fixed_dictionaries({"conf": _content("a", "b")}),
        "secrets": st.fixed_dictionaries({"key": _content("s3cret", "0ther")}),
    }
)  # fmt: skip


PAIRS = (
    tree_pairs(PROJECTS)
    .map(lambda trees: (runnable(trees[0]), runnable(trees[1])))
    .filter(lambda projects: projects[0] != projects[1])
)


def runnable(drawn: Tree) -> Fields:
    """*drawn* in the form of a Compose file, without what an engine or a reader would refuse."""
    networks = {key: _network(item) for key, item in drawn["networks"].items()}
    volumes = {key: {**item, "x-strata": {"recreate": True}} for key, item in drawn["volumes"].items()}
    claimed: set[str] = set()
    services = {}
    for name in SERVICES:
        if name in drawn["services"]:
            services[name] = _service(name, drawn["services"][name], drawn, services, claimed)
    if any(JOB in service.get("depends_on", {}) for service in services.values()):
        services[JOB] = {"image": PLAIN, "command": ["true"], "stop_grace_period": "0s", **drawn["jobs"].get(JOB, {})}
    return {
        "services": services or {"db": _service("db", {}, drawn, {}, claimed)},
        "networks": networks,
        "volumes": volumes,
        "configs": drawn["configs"],
        "secrets": drawn["secrets"],
    }


def _network(drawn: Fields) -> Fields:
    rest = {key: value for key, value in drawn.items() if key != "subnet"}
    if "subnet" not in drawn:
        return rest
    octets = f"10.97.{drawn['subnet']['third_octet']}"
    config: Fields = {"subnet": f"{octets}.0/24"}
    for key in drawn["subnet"].keys() - {"third_octet"}:
        value = drawn["subnet"][key]
        config[key] = (
            {name: f"{octets}.{last}" for name, last in value.items()}
            if isinstance(value, Mapping)
            else f"{octets}.{value}"
        )
    return {**rest, "ipam": {"config": [config]}}


def _service(name: str, drawn: Fields, project: Tree, before: Fields, claimed: set[str]) -> Fields:
    """*before*: the services that are there already. *claimed*: what they have that nobody else can have."""
    keys = {"image": PLAIN, "command": COMMANDS[0], "stop_grace_period": "0s", **drawn}
    single = keys.get("deploy", {}).get("replicas", 1) == 1
    keys["volumes"] = [mount for mount in keys.get("volumes", ()) if _volume_of(mount) in {None, *project["volumes"]}]
    keys["depends_on"] = {other: need for other, need in keys.get("depends_on", {}).items() if other in before}
    if keys.pop("after_job", False):
        keys["depends_on"][JOB] = {"condition": "service_completed_successfully"}
    if keys.get("network_mode") == "service:db" and "db" not in before:
        del keys["network_mode"]
    if "network_mode" in keys:
        for key in ("networks", "ports", "hostname", "extra_hosts", "expose"):
            keys.pop(key, None)
    else:
        _connect(keys, project, claimed, single)
        keys["ports"] = [port for port in keys.get("ports", ()) if _claim(claimed, port)]
    if not single or not _claim(claimed, keys.get("container_name", "")):
        keys.pop("container_name", None)
    elif "container_name" in keys:
        keys["container_name"] = f"pairs-{keys['container_name']}"
    return keys


def _connect(keys: Fields, project: Tree, claimed: set[str], single: bool) -> None:
    networks = {key: dict(item or {}) for key, item in keys.get("networks", {}).items() if key in project["networks"]}
    for key, endpoint in networks.items():
        last = endpoint.pop("last_octet", None)
        if last and key == LAN and single and _claim(claimed, f"address {last}"):
            third = project["networks"][LAN]["subnet"]["third_octet"]
            endpoint["ipv4_address"] = f"10.97.{third}.{last}"
    if networks:
        keys["networks"] = networks
    else:
        keys.pop("networks", None)


def _claim(claimed: set[str], what: str) -> bool:
    """Whether nobody has *what* yet; it is taken."""
    free = what not in claimed
    claimed.add(what)
    return free or not what


def _volume_of(mount: Any) -> str | None:
    """The declared volume that is mounted, if it is one."""
    if isinstance(mount, Mapping):
        return str(mount["source"]) if mount["type"] == "volume" else None
    source, _colon, target = mount.partition(":")
    return source if target and not source.startswith("/") else None
