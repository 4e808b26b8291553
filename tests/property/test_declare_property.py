# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Properties of the reader: what is written is what is read, and no file ends in anything but problems with a place."""

from __future__ import annotations

import copy
import io
import tempfile
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.read import read_environment
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import DeclarationError
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

NAMES = st.from_regex(r"[a-z][a-z0-9]{0,7}", fullmatch=True).filter(lambda name: name not in ("env", "y", "n", "null"))
SIZES = st.integers(2**24, 2**40) | st.integers(16, 4096).map(lambda mib: f"{mib} MiB")
PORTS = st.integers(1, 65535)
#: Starts with a letter: of other text ruamel.yaml writes some plain that it cannot read again (``{a: ?0}``).
TEXT = st.builds(
    "{}{}".format,
    st.characters(categories=["L"]),
    st.text(st.characters(categories=["L", "Nd"]) | st.sampled_from(" -_:/.#'\"\\\n\t$"), max_size=8),
)
SUBNET = IPv4Network("10.80.0.0/24")


@st.composite
def guests(draw: st.DrawFn) -> dict[str, Any]:
    names = draw(st.lists(NAMES, min_size=1, max_size=4, unique=True))
    hosts = draw(st.lists(st.integers(2, 254), min_size=len(names), max_size=len(names), unique=True))
    published = draw(st.lists(PORTS, max_size=4, unique=True))
    return {
        name: {
            "image": "base",
            "vcpus": draw(st.integers(1, 64)),
            "memory": draw(SIZES),
            "disk": draw(SIZES),
            "networks": {"lan": {"address": str(SUBNET[host])}},
            "engine": {"settings": draw(st.dictionaries(NAMES, st.booleans() | st.integers() | TEXT))},
            "publish": {port: draw(PORTS) for port in published[index :: len(names)]},
            "groups": draw(st.lists(NAMES.map(lambda group: f"g_{group}"), max_size=2)),
            "boot_timeout": draw(st.integers(1, 900)),
        }
        for index, (name, host) in enumerate(zip(names, hosts, strict=True))
    }


@st.composite
def declarations(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "plugin": "strata.kvm_docker.environment",
        "name": "env",
        "hypervisor": {"virt_type": draw(st.sampled_from(["auto", "kvm", "qemu"]))},
        "images": {"base": {"build": {"suite": "trixie", "packages": draw(st.lists(st.just("curl"), max_size=2))}}},
        "networks": {
            "lan": {"cidr": str(SUBNET), "forward": draw(st.sampled_from(["nat", "route", "isolated"]))},
        },
        "guests": draw(guests()),
    }


COMPOSE: dict[str, Any] = {
    "services": {
        "app": {
            "image": "app:1",
            "command": ["run", "--fast"],
            "ports": ["80:8080", {"target": 9, "published": 90}],
            "environment": {"A": "1"},
            "networks": {"front": {"ipv4_address": "172.30.0.5", "aliases": ["a"]}},
            "volumes": ["data:/data", {"type": "tmpfs", "target": "/t", "tmpfs": {"size": "1m"}}],
            "tmpfs": ["/run"],
            "healthcheck": {"test": ["CMD", "true"], "interval": "10s"},
            "depends_on": {"db": {"condition": "service_healthy"}},
            "deploy": {"replicas": 1, "resources": {"limits": {"cpus": "1.0", "memory": "64m"}}},
            "ulimits": {"nofile": {"soft": 1, "hard": 2}},
            "logging": {"driver": "local", "options": {"max-size": "1m"}},
            "configs": [{"source": "text", "target": "/etc/text"}],
            "extra_hosts": ["a:10.0.0.1"],
            "restart": "always",
        },
        "db": {"image": "db:1", "networks": ["front"], "stop_grace_period": "1m"},
    },
    "networks": {"front": {"ipam": {"config": [{"subnet": "172.30.0.0/24"}]}}},
    "volumes": {"data": {"driver_opts": {"type": "nfs"}}},
    "configs": {"text": {"content": "hello"}},
}
JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=8),
    st.just("${"),
    st.just([]),
    st.just({}),
    st.lists(st.text(max_size=3) | st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.integers() | st.none(), max_size=2),
)


def serialised(tree: Any) -> str:
    stream = io.StringIO()
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.dump(tree, stream)
    return stream.getvalue()


def written(folder: str, declaration: Any, compose: Any = None) -> Path:
    if compose is not None:
        (Path(folder) / "compose.yaml").write_text(serialised(compose), encoding="utf-8")
    file = Path(folder) / "env.environment.yml"
    file.write_text(serialised(declaration), encoding="utf-8")
    return file


def places(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every path of *tree*."""
    entries = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return [found for key, value in entries for found in ((*path, key), *places(value, (*path, key)))]


def at(tree: Any, path: tuple[Any, ...]) -> Any:
    for part in path:
        tree = tree[part]
    return tree


def read_or_problems(file: Path) -> DeclarationError | None:
    try:
        read_environment(file)
    except DeclarationError as error:
        return error
    return None


def size_in_bytes(size: int | str) -> int:
    return size if isinstance(size, int) else int(size.split()[0]) * 1024**2


@settings(max_examples=60, deadline=None)
@given(declarations())
def test_what_is_written_is_what_is_read(declaration: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        environment = read_environment(written(folder, declaration))
    assert environment.hypervisor.virt_type == declaration["hypervisor"]["virt_type"]
    assert environment.networks["lan"].forward == declaration["networks"]["lan"]["forward"]
    assert set(environment.guests) == set(declaration["guests"])
    for name, guest in declaration["guests"].items():
        found = environment.guests[name]
        assert str(found.address) == guest["networks"]["lan"]["address"]
        assert (found.memory, found.disk) == (size_in_bytes(guest["memory"]), size_in_bytes(guest["disk"]))
        assert found.engine.settings == guest["engine"]["settings"]
        assert (found.publish, list(found.groups)) == (guest["publish"], guest["groups"])
        assert (found.vcpus, found.boot_timeout) == (guest["vcpus"], guest["boot_timeout"])


@settings(max_examples=60, deadline=None)
@given(declarations(), st.data())
def test_an_unknown_key_anywhere_is_named_with_its_line(declaration: dict[str, Any], data: st.DataObject) -> None:
    """Mappings with keys of the user's own have no unknown ones. What is below it may be wrong by itself."""
    fixed = [(), ("hypervisor",), ("images", "base"), ("images", "base", "build"), ("networks", "lan")]
    fixed += [("guests", name) for name in declaration["guests"]]
    fixed += [("guests", name, "engine") for name in declaration["guests"]]
    path = data.draw(st.sampled_from(fixed))
    at(declaration, path)["unheard_of"] = data.draw(JUNK.filter(lambda value: value != {}))
    with tempfile.TemporaryDirectory() as folder:
        file = written(folder, declaration)
        lines = file.read_text(encoding="utf-8").splitlines()
        error = read_or_problems(file)
    assert error is not None
    (problem,) = (each for each in error.problems if "unknown key 'unheard_of'" in each.message)
    assert problem.path == ".".join((*path, "unheard_of"))
    assert all(each.path.startswith(problem.path) for each in error.problems)
    assert "unheard_of" in lines[problem.line - 1]


@settings(max_examples=150, deadline=None)
@given(declarations(), st.data())
def test_no_value_in_a_declaration_ends_in_anything_but_problems_with_a_place(
    declaration: dict[str, Any], data: st.DataObject
) -> None:
    path = data.draw(st.sampled_from(places(declaration)))
    at(declaration, path[:-1])[path[-1]] = data.draw(JUNK)
    with tempfile.TemporaryDirectory() as folder:
        error = read_or_problems(written(folder, declaration))
    assert_placed(error)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_value_in_a_compose_file_ends_in_anything_but_problems_with_a_place(data: st.DataObject) -> None:
    declaration = data.draw(declarations())
    next(iter(declaration["guests"].values()))["compose"] = "compose.yaml"
    compose = copy.deepcopy(COMPOSE)
    path = data.draw(st.sampled_from(places(compose)))
    at(compose, path[:-1])[path[-1]] = data.draw(JUNK)
    with tempfile.TemporaryDirectory() as folder:
        error = read_or_problems(written(folder, declaration, compose))
    assert_placed(error)


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=60))
def test_no_text_ends_in_anything_but_problems(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "env.environment.yml"
        file.write_text(text, encoding="utf-8", errors="surrogatepass")
        error = read_or_problems(file)
    assert error is not None
    assert error.problems


def assert_placed(error: DeclarationError | None) -> None:
    for problem in error.problems if error else ():
        assert problem.line >= 1, problem
        assert problem.file.endswith((".yml", ".yaml")), problem
        assert problem.message, problem
