# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a program registers for a declaration; Pulumi is its own mocks, the hypervisor libvirt's test driver."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.read import read_environment
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Key
from ansible_collections.strata.kvm_docker.plugins.module_utils.store.use import references
from mocked_environment import HYPERVISOR, KINDS, TOLD, fill_store, run, title
from mocked_program import Registered, mocked_program
from pulumi.runtime import rpc

TWO_HOSTS = Path(__file__).parents[3] / "inventories/two_hosts"


@pytest.fixture
def registered() -> Iterator[Registered]:
    with mocked_program(TOLD) as made:
        yield made


@pytest.fixture(autouse=True)
def state(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A state folder whose path leaves room for the names of sockets."""
    with tempfile.TemporaryDirectory(prefix="st-", dir="/tmp") as folder:
        monkeypatch.setenv("STRATA_STATE", folder)
        monkeypatch.delenv("STRATA_IMAGES", raising=False)
        yield


@pytest.fixture
def declaration(tmp_path: Path) -> Path:
    """A copy of two_hosts; the image of its guests is in the store."""
    shutil.copytree(TWO_HOSTS, tmp_path / "two_hosts")
    path = tmp_path / "two_hosts/two_hosts.environment.yml"
    path.write_text(path.read_text() + yaml.safe_dump({"hypervisor": HYPERVISOR}))
    fill_store(path)
    return path


def test_every_declared_object_has_its_resources_and_nothing_else_has_any(
    registered: Registered, declaration: Path
) -> None:
    declared = run(str(declaration)).declaration.declared
    assert registered.names("strata:index:Object") == {title("two_hosts", key) for key in declared}
    twins = {kind: {title("two_hosts", key) for key in declared if key.kind == kind} for kind in KINDS.values()}
    twins["container"].remove("two_hosts/container/apps/apps-redis-1")  # its command has an empty word
    assert {kind: registered.names(name) for name, kind in KINDS.items()} == twins
    assert registered.names("strata:index:ContainerFiles") == {"two_hosts/container/web/web-haproxy-1"}
    assert registered.names("strata:index:Engine") == {"two_hosts/ready/apps", "two_hosts/ready/web"}
    assert registered.names("strata:index:Access") == {"two_hosts/access"}


def test_disks_wait_for_the_layer_that_they_stand_on(registered: Registered, declaration: Path) -> None:
    text = declaration.read_text()
    declaration.write_text(text.replace("  debian13:\n", "  debian13:\n    preload: true\n", 1))
    declared = run(str(declaration)).declaration.declared
    assert title("two_hosts", Key("engine_layer", "debian13")) in registered.names("strata:index:Object")
    assert registered.names("strata:index:Object") == {title("two_hosts", key) for key in declared}
    assert registered.names("libvirt:index/volume:Volume") == {"two_hosts/disk/apps", "two_hosts/disk/web"}


def test_the_store_knows_what_a_program_declares_of_it(registered: Registered, declaration: Path) -> None:
    made = run(str(declaration)).declaration
    found = references(made.folders).declared
    assert set(found) >= {item.spec["digest"] for item in made.of("guest_image")}
    assert set(found.values()) == {"environment two_hosts"}


def test_what_is_on_an_engine_is_made_by_the_provider_of_that_guest(registered: Registered, declaration: Path) -> None:
    run(str(declaration))
    for kind, name, _inputs, provider in registered.all:
        if kind.startswith("docker:"):
            assert provider.split("::")[-2] == f"two_hosts/docker/{name.split('/')[2]}"
    hosts = {name: inputs["host"] for name, inputs in registered.of("pulumi:providers:docker").items()}
    assert hosts == {"two_hosts/docker/apps": "ssh://root@guest", "two_hosts/docker/web": "ssh://root@guest"}


def test_a_container_is_given_to_the_core_to_start(registered: Registered, declaration: Path) -> None:
    run(str(declaration))
    app = registered.of("docker:index/container:Container")["two_hosts/container/apps/apps-app-1"]
    assert (app["name"], app["image"], app["start"]) == ("apps-app-1", "two-hosts/app:latest", False)
    assert {"label": "strata.provider", "value": "of this stack"} in app["labels"]
    followed = registered.of("strata:index:Object")["two_hosts/container/apps/apps-app-1"]
    assert followed["spec"]["Config"]["Image"] == "two-hosts/app:latest"


def test_what_the_provider_has_no_words_for_is_made_by_the_core(registered: Registered, declaration: Path) -> None:
    run(str(declaration))
    name = "two_hosts/container/apps/apps-redis-1"
    assert "" in registered.of("strata:index:Object")[name]["spec"]["Config"]["Cmd"]
    assert name not in registered.of("docker:index/container:Container")


def test_secrets_of_the_declaration_are_secrets_of_pulumi(registered: Registered, declaration: Path) -> None:
    compose = declaration.parent / "compose/apps/compose.yaml"
    compose.write_text(compose.read_text().replace("REDIS_HOST: redis", "REDIS_HOST: redis\n      API_TOKEN: 1rowssap"))
    run(str(declaration))
    name = "two_hosts/container/apps/apps-app-1"
    for kind in ("docker:index/container:Container", "strata:index:Object"):
        inputs = registered.of(kind)[name]
        hidden = [value for value in inputs.values() if "1rowssap" in str(value)]
        assert hidden
        assert all("1rowssap" not in str(_without_secrets(value)) for value in hidden)


def _without_secrets(value: Any) -> Any:
    if rpc.is_rpc_secret(value):
        return "secret"
    if isinstance(value, dict):
        return {name: _without_secrets(inner) for name, inner in value.items()}
    return [_without_secrets(inner) for inner in value] if isinstance(value, list) else value


def test_a_declaration_can_stand_in_the_program(
    registered: Registered, declaration: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    made = run(
        {
            "name": "lab",
            "hypervisor": HYPERVISOR,
            "images": yaml.safe_load(declaration.read_text())["images"],
            "networks": {"lan": {"cidr": "10.81.0.0/24"}},
            "guests": {
                name: {"image": "debian13", "networks": {"lan": {"address": address}}}
                for name, address in {"one": "10.81.0.11", "two": "10.81.0.12"}.items()
            },
        }
    )
    assert {name: guest.address for name, guest in made.guests.items()} == {"one": "10.81.0.11", "two": "10.81.0.12"}
    assert read_environment(tmp_path / "lab.environment.yml").name == "lab"
    assert os.stat(tmp_path / "lab.environment.yml").st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("declaration_of", "message"),
    [
        ({"name": "lab", "guests": {"web": {"image": "none"}}}, r"guests\.web\.image: .*none"),
        ({"name": "no name"}, "declaration.name: 'no name' is not"),
        ({"guests": {}}, "declaration.name: None is not"),
    ],
)
def test_a_wrong_declaration_is_refused_before_anything_is_registered(
    registered: Registered,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    declaration_of: dict[str, Any],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(pulumi.RunError, match=message):
        run(declaration_of)
    assert [kind for kind, *_more in registered.all] in ([], ["strata:components:Environment"])


def test_what_is_known_later_has_no_place_in_a_declaration(
    registered: Registered, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(pulumi.RunError, match=r"it holds an? Output, which is known later than"):
        run({"name": "lab", "networks": {"lan": {"cidr": pulumi.Output.from_input("10.81.0.0/24")}}})


def test_a_stack_refuses_the_declaration_of_another_environment(registered: Registered, declaration: Path) -> None:
    with pytest.raises(pulumi.RunError, match="it declares environment two_hosts, and this stack is for other"):
        run(str(declaration), name="other")
