# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules of the Docker layer share, without an engine: URLs, options to models, views."""

from __future__ import annotations

import importlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from ansible_collections.strata.kvm_docker.plugins.module_utils import locks
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.object_options import (
    image_service,
    network_of,
    volume_of,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import BusyError, DeclarationError, EngineError
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest import ssh_host
from ansible_collections.strata.kvm_docker.plugins.module_utils.layers import docker_layer
from ansible_collections.strata.kvm_docker.plugins.module_utils.layers.docker_layer import Request, alone
from ansible_collections.strata.kvm_docker.plugins.module_utils.layers.docker_project import request_of
from ansible_collections.strata.kvm_docker.plugins.module_utils.layers.docker_view import shown
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Key, Observed
from ansible_collections.strata.kvm_docker.plugins.module_utils.progress import Progress
from lab import root_folder

COLLECTION = Path(__file__).parents[3] / "collections/ansible_collections/strata/kvm_docker"
PROJECT: dict[str, Any] = {
    "project_name": "shop",
    "project_folder": "/",
    "services": {"app": {"image": "app:1"}},
    "networks": None,
    "volumes": None,
    "secrets": None,
    "configs": None,
    "files": None,
    "profiles": [],
    "state": "present",
    "orphans": "report",
    "remove_volumes": False,
    "wait": True,
    "wait_timeout": 600,
}
NETWORK: dict[str, Any] = {
    "name": "backend",
    "driver": "bridge",
    "driver_opts": {},
    "ipam": None,
    "internal": False,
    "attachable": False,
    "enable_ipv6": False,
    "labels": {},
}


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("ssh://apps", ssh_host.SshHost(host="apps")),
        ("ssh://Deploy@Apps.example:2222", ssh_host.SshHost(host="Apps.example", user="Deploy", port=2222)),
        ("ssh://root@[fd00::1]", ssh_host.SshHost(host="fd00::1", user="root")),
        ("ssh://apps/run/user/1000/docker.sock", ssh_host.SshHost(host="apps", socket="/run/user/1000/docker.sock")),
    ],
)
def test_a_url_names_a_host_as_ssh_takes_it(url: str, expected: ssh_host.SshHost) -> None:
    assert ssh_host.parse(url) == expected


@pytest.mark.parametrize("url", ["ssh://", "ssh://-oProxyCommand=x", "ssh://-l@host", "ssh://host:no", "ssh://a b"])
def test_a_url_that_ssh_could_take_for_an_option_is_refused(url: str) -> None:
    with pytest.raises(EngineError, match=r"write ssh://\[user@\]host\[:port\]"):
        ssh_host.parse(url)


@pytest.fixture
def short_path() -> Iterator[Path]:
    """For the socket of a connection: its name holds 108 bytes."""
    with root_folder() as folder:
        yield folder


def test_openssh_reads_our_options_before_the_users(short_path: Path) -> None:
    """As ssh itself resolves it (``ssh -G``), with a configuration of the user's that says otherwise."""
    shell = ssh_host.shell(ssh_host.parse("ssh://deploy@apps:2222"), Folders(short_path))
    theirs = short_path / "theirs"
    theirs.write_text("Host apps\n  HostName 192.0.2.7\n  User root\n  ControlMaster no\n  ControlPath none\n")
    text = shell.config.read_text()
    assert "Include ~/.ssh/config\n" in text
    shell.config.write_text(text.replace("~/.ssh/config", str(theirs)))
    argv = ["ssh", "-F", str(shell.config), "-G", shell.target]
    resolved = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.splitlines()
    expected = {"hostname 192.0.2.7", "user deploy", "port 2222", "controlmaster auto", "batchmode yes"}
    assert expected <= set(resolved)
    assert f"controlpath {shell.config.parent}/apps.ssh" in resolved
    assert shell.config.parent.stat().st_mode & 0o777 == 0o700


def test_two_urls_of_one_host_have_a_connection_each(short_path: Path) -> None:
    shells = [ssh_host.shell(ssh_host.parse(url), Folders(short_path)) for url in ("ssh://a@apps", "ssh://b@apps")]
    assert shells[0].config != shells[1].config


def test_who_is_not_root_keeps_state_at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STRATA_STATE", raising=False)
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert Folders.own().root == Path.home() / ".local/state/strata"
    assert Folders.own("/elsewhere").root == Path("/elsewhere")
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert Folders.own().root == Path("/var/lib/strata")


def test_addresses_of_a_network_are_in_the_form_in_which_an_engine_shows_them() -> None:
    config = {"subnet": "fd00:0::/64", "gateway": "fd00:0:0::1", "ip_range": None, "aux_addresses": {}}
    network = network_of({**NETWORK, "ipam": {"driver": "default", "config": [config]}, "labels": {"on": True}})
    assert (network.ipam[0].subnet, network.ipam[0].gateway) == ("fd00::/64", "fd00::1")
    assert network.labels == {"on": "true"}


def test_names_that_no_engine_takes_are_refused_by_option() -> None:
    for wrong in ({**NETWORK, "name": "-x"}, {**NETWORK, "name": "a b"}):
        with pytest.raises(DeclarationError, match="options: name: "):
            network_of(wrong)
    with pytest.raises(DeclarationError, match="labels: labels that begin with strata"):
        volume_of({"name": "data", "driver": "local", "driver_opts": {}, "labels": {"strata.x": ""}})
    with pytest.raises(DeclarationError, match="an image reference"):
        image_service({"name": "UPPER:1", "build": None})


@pytest.mark.parametrize("name", ["bridge", "host", "none"])
def test_a_network_of_the_engines_own_is_nobodys_to_declare(name: str) -> None:
    with pytest.raises(DeclarationError, match=f"options: name: '{name}' is a network of the engine's own"):
        network_of({**NETWORK, "name": name})


def observed(kind: str, project: str, owned: bool = True) -> Observed:
    return Observed(Key(kind, "x", "local"), {}, project=project, owned=owned)


@pytest.mark.parametrize(
    ("options", "volumes"),
    [
        ({}, True),
        ({"orphans": "remove"}, False),
        ({"orphans": "remove", "remove_volumes": True}, True),
        ({"state": "absent"}, False),
        ({"state": "absent", "remove_volumes": True}, True),
    ],
)
def test_a_project_speaks_for_its_own_objects_and_for_volumes_as_told(options: dict[str, Any], volumes: bool) -> None:
    request = request_of({**PROJECT, **options})
    assert request.speaks_for(observed("container", "shop"))
    assert not request.speaks_for(observed("container", "shop", owned=False))
    assert not request.speaks_for(observed("container", "blog"))
    assert not request.speaks_for(observed("docker_network", ""))
    assert request.speaks_for(observed("docker_volume", "shop")) is volumes


def test_what_is_to_be_absent_needs_no_declaration() -> None:
    request = request_of({**PROJECT, "services": None, "state": "absent"})
    assert request.absent
    assert dict(request.project.services) == {}


def test_a_name_that_is_no_projects_is_refused() -> None:
    with pytest.raises(DeclarationError, match="options: project_name: "):
        request_of({**PROJECT, "project_name": "Shop"})


def test_a_view_hides_secrets_wherever_they_are_and_our_bookkeeping() -> None:
    inspected = {
        "Name": "/app",
        "Args": ["--password", "planted", "--verbose"],
        "Config": {
            "Env": ["MODE=quiet", "DB_PASSWORD=planted", "URL=http://me:planted@host/"],
            "Labels": {"strata.applied": '{"Env": "planted"}', "strata.project": "shop", "api_token": "planted"},
        },
        "Options": {"o": "username=me,password=planted"},
        "Mountpoint": "/x",
    }
    view = shown(inspected)
    assert "planted" not in json.dumps(view)
    assert view["Config"]["Env"][0] == "MODE=quiet"
    assert view["Config"]["Labels"]["strata.project"] == "shop"
    assert "--verbose" in view["Args"]


@pytest.mark.parametrize(
    ("group", "options"),
    [("all", {"state_folder"}), ("docker", {"docker_host", "environment"}), ("kvm", {"environment", "uri"})],
)
def test_an_action_group_holds_every_module_that_takes_its_options_and_no_other(group: str, options: set[str]) -> None:
    members = yaml.safe_load((COLLECTION / "meta/runtime.yml").read_text())["action_groups"][group]
    modules = [path.stem for path in (COLLECTION / "plugins/modules").glob("*.py")]
    assert members == sorted(name for name in modules if options <= argument_spec(name).keys())


def argument_spec(name: str) -> dict[str, Any]:
    found = importlib.import_module(f"ansible_collections.strata.kvm_docker.plugins.modules.{name}")
    spec: dict[str, Any] = found.ARGUMENT_SPEC
    return spec


def test_what_is_on_the_engine_is_looked_at_under_the_lock_only(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    free = []

    def look(params: dict[str, Any], *others: Any) -> Any:
        with locks.exclusive(Folders(tmp_path).lock("lab@local"), "another run", 0, Progress()):
            free.append(True)

    monkeypatch.setattr(docker_layer, "layer_of", look)
    params = {"guest": None, "state_folder": str(tmp_path), "lock_timeout": 0}
    module: Any = SimpleNamespace(params=params, check_mode=False)
    engine: Any = SimpleNamespace(environment="lab", guest="local")
    with pytest.raises(BusyError):
        docker_layer.converge(module, engine, Request(project=alone(), kinds=()))
    assert not free


@pytest.mark.parametrize(
    ("section", "said"),
    [
        (
            {"services": {"app": {"image": "app:1", "environment": ["TOKEN"]}}},
            "options: services.app.environment.0: TOKEN has no value here; give it one",
        ),
        (
            {"secrets": {"key": {"environment": "TOKEN"}}},
            "options: secrets.key.environment: variable TOKEN has no value; give it one",
        ),
        ({"services": {"app": {"imge": "app:1", "image": "app:1"}}}, "options: services.app.imge: unknown key 'imge'"),
    ],
)
def test_a_mistake_in_a_project_is_one_of_the_options(section: dict[str, Any], said: str) -> None:
    with pytest.raises(DeclarationError) as raised:
        request_of({**PROJECT, **section})
    assert str(raised.value).startswith(said)
    assert ".env file" not in str(raised.value)


@pytest.mark.parametrize("make", [network_of, volume_of])
def test_a_name_of_one_letter_is_refused_with_what_it_lacks(make: Any) -> None:
    with pytest.raises(DeclarationError, match=r"^options: name: .* at least two characters.*; it is 'x'"):
        make({**NETWORK, "name": "x"})
