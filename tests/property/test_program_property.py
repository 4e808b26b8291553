# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Random declarations: a program registers what the core declares, no more and no less, each after what it needs."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import image_archives
import yaml
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.show import plain
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mocked_environment import HYPERVISOR, KINDS, TOLD, fill_store, run, title
from mocked_program import Registered, mocked_program
from pulumi.runtime import rpc
from strata_pulumi.components import Environment

IMAGE = "tiny:1"


@st.composite
def projects(draw: st.DrawFn, guest: int) -> dict[str, Any]:
    """A Compose project; the ports that it publishes are the guest's own."""
    services: dict[str, Any] = {}
    for number, name in enumerate(draw(st.lists(st.sampled_from(["app", "db", "job"]), unique=True, min_size=1))):
        services[name] = {"image": IMAGE, "command": draw(st.sampled_from([["run"], ["run", ""]]))}
        if draw(st.booleans()):
            services[name]["ports"] = [f"{9000 + 10 * guest + number}:80"]
        if draw(st.booleans()):
            services[name]["volumes"] = ["data:/srv"]
        if number and draw(st.booleans()):
            services[name]["network_mode"] = f"service:{next(iter(services))}"
            services[name].pop("ports", None)
        else:
            services[name]["networks"] = draw(st.lists(st.sampled_from(["front", "back"]), unique=True, min_size=1))
        if draw(st.booleans()):
            services[name]["environment"] = {"PASSWORD": "4711"}
    return {"name": f"p{guest}", "services": services, "networks": {"front": {}, "back": {}}, "volumes": {"data": {}}}


@st.composite
def environments(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Any]]:
    """A declaration, and the Compose projects of its guests by name."""
    guests: dict[str, Any] = {}
    found: dict[str, Any] = {}
    for number, name in enumerate(draw(st.lists(st.sampled_from(["web", "apps", "data"]), unique=True))):
        guests[name] = {"image": "debian13", "networks": {"lan": {"address": f"10.81.0.{11 + number}"}}}
        if draw(st.booleans()):
            guests[name]["disks"] = {"more": {"size": "1 GiB"}}
        if draw(st.booleans()):
            found[name] = draw(projects(number))
            guests[name]["compose"] = f"{name}.yaml"
    networks = {"lan": {"cidr": "10.81.0.0/24"}}
    if draw(st.booleans()):
        networks["back"] = {"cidr": "10.82.0.0/24"}
    declaration: dict[str, Any] = {"plugin": "strata.kvm_docker.environment", "name": "lab", "hypervisor": HYPERVISOR}
    declaration |= {"networks": networks, "guests": guests, "images": {"debian13": {"build": {"suite": "trixie"}}}}
    return declaration | {"container_images": {IMAGE: {"archive": "tiny.tar"}}}, found


@contextmanager
def program_of(declaration: dict[str, Any], found: dict[str, Any]) -> Iterator[tuple[Environment, Registered]]:
    with (
        tempfile.TemporaryDirectory(prefix="st-", dir="/tmp") as folder,
        patch.dict(os.environ, {"STRATA_STATE": f"{folder}/state", "STRATA_IMAGES": f"{folder}/images"}),
        mocked_program(TOLD) as registered,
    ):
        path = Path(folder) / "lab.environment.yml"
        path.write_text(yaml.safe_dump(declaration))
        for name, project in found.items():
            (Path(folder) / f"{name}.yaml").write_text(yaml.safe_dump(project))
        image_archives.docker_archive(Path(folder) / "tiny.tar", [([IMAGE], b"one")])
        fill_store(path)
        yield run(str(path)), registered


def shown(value: Any) -> Any:
    """Without Pulumi's wrapping of secrets."""
    if rpc.is_rpc_secret(value):
        return shown(rpc.unwrap_rpc_secret(value))
    return {key: shown(inner) for key, inner in value.items()} if isinstance(value, dict) else value


@settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow])
@given(environments())
def test_a_program_registers_what_the_core_declares_each_after_what_it_needs(
    drawn: tuple[dict[str, Any], dict[str, Any]],
) -> None:
    with program_of(*drawn) as (made, registered):
        declaration = made.declaration
        titles = {title("lab", key): item for key, item in declaration.declared.items()}
        by_core = registered.of("strata:index:Object")
        by_others = registered.names(*KINDS)
        assert by_core.keys() == titles.keys()
        assert by_others <= titles.keys()
        for name, inputs in by_core.items():
            known = {leaf: value for leaf, value in plain(titles[name].spec).items() if leaf != "virt_type"}
            given = shown(inputs["spec"])
            assert {leaf: given.get(leaf) for leaf in known} == known, name
        last = {name: place for place, (_kind, name, *_more) in enumerate(registered.all)}
        first = {name: place for place, (_kind, name, *_more) in reversed([*enumerate(registered.all)])}
        for key, needs in declaration.needs.items():
            for need in needs:
                assert last[title("lab", need.key)] < first[title("lab", key)], f"{key} needs {need.key}"
