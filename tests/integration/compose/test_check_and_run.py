# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Compose files of the repository on a real engine: check mode and the run tell the same changes, up and down.

The files are as they are but for what is not here: each image is one that is, with a program that runs on; folders of
the guest are folders of the test's; each project publishes its ports on an address of its own.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.compose import (
    Healthcheck,
    Mount,
    Project,
    PublishedPort,
    Service,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.read_compose import read_compose
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.replicas import awaited
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker import file_mounts
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import StrataError
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Plan
from compose_corpus import cases
from environments import REPOSITORY
from packages import busybox_program

sys.path.insert(0, str(REPOSITORY / "tests/integration/docker"))

from container_lab import PLAIN, SLEEP, LocalShell, Stack, import_image

if TYPE_CHECKING:
    import docker
    from lab import LabEngine

pytestmark = pytest.mark.lab

#: How each project is read; those of ``tests/corpus/inspect`` have their check mode in test_inspect_trees.py.
READERS: dict[str, Callable[[str], Project]] = {
    **{f"compose-{case.name}": partial(read_compose, case.files, profiles=case.profiles) for case in cases("compose")},
    **{
        f"{file.parts[-4]}-{file.parent.name}": partial(read_compose, file)
        for file in sorted(REPOSITORY.glob("inventories/*/compose/*/compose.yaml"))
    },
}
#: File -> what an engine may say to it when it gets there, which no check mode can know.
REFUSED: dict[str, str] = {
    "compose-bind-defaults": "not a shared or slave mount",
    "compose-block-devices": "kernel does not support Block I/O weight|no such file or directory",
    "compose-devices": "no such file or directory",
    "compose-extends-same-file": "port 8080 is in use",
    "compose-interpolation-types": "operation not permitted",
    "compose-labels-and-annotations": r"needs an engine with API 1\.43",
    "compose-memory": "unable to start container process",
    "compose-merge-lists": "no such file or directory",
    "compose-merge-scalars-and-mappings": r"needs an engine with API 1\.43",
    "compose-monitoring": "not a shared or slave mount",
    "compose-ports-short": "port 8000 is in use",
    "compose-processors": "Requested CPUs are not available|does not support CPU real-time",
    "compose-storage": "storage-opt is supported only",
    "compose-sysctls-and-ulimits": "operation not permitted",
    "compose-volumes-long": r"needs an engine with API 1\.45",
    "compose-volumes-short": "not a shared or slave mount",
    "compose-volumes-top-level": 'invalid option: "count"',
}
#: Projects at once, on two cores.
AT_ONCE = 4
#: Held by a project that has something of which an engine has but one: a subnet, a name of its own choice.
_SOLE = Lock()


@dataclass(frozen=True, kw_only=True)
class Told:
    """What check mode and the run said of the way up and of the way down; what was refused, and is then to be done."""

    up: tuple[list[str], list[str]]
    down: tuple[list[str], list[str]]
    refused: str
    left: list[str]


def words(plan: Plan) -> list[str]:
    return [str((str(change), change.differences)) for change in plan]


def runnable(project: Project, folder: Path, address: str) -> Project:
    """*project* with what is not here replaced; *folder*: of bind mounts, *address*: of published ports."""
    services = {
        name: _service(service, name in awaited(project), folder, address) for name, service in project.services.items()
    }
    return replace(project, services=services)


def _service(service: Service, job: bool, folder: Path, address: str) -> Service:
    program = ("true",) if job else SLEEP
    runs = {"entrypoint": program} if service.entrypoint else {"command": program}
    check = service.healthcheck
    if check and check.test not in ((), ("NONE",)):
        check = Healthcheck(test=("CMD", "true"), interval=0.2, retries=check.retries)
    return replace(
        service,
        image=PLAIN,
        build=None,
        healthcheck=check,
        stop_grace_period=0,
        user="1000" if service.user and service.user[0].isalpha() else service.user,
        group_add=tuple(group for group in service.group_add if group.isdecimal()),
        ports=tuple(_port(port, address) for port in service.ports),
        mounts=tuple(_mount(mount, folder) for mount in service.mounts),
        **runs,
    )


def _port(port: PublishedPort, address: str) -> PublishedPort:
    return port if port.host_ip and ":" in port.host_ip else replace(port, host_ip=address)


def _mount(mount: Mount, folder: Path) -> Mount:
    if mount.type != "bind":
        return mount
    source = folder / str(mount.source).strip("/")
    source.mkdir(parents=True, exist_ok=True)
    return replace(mount, source=str(source))


@pytest.fixture(scope="module")
def told(lab_engine: LabEngine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future[Told]]]:
    folder = tmp_path_factory.mktemp("files")
    client = lab_engine.client()
    import_image(client, busybox_program(), PLAIN)
    client.close()

    def tell(index: int, name: str) -> Told:
        project = runnable(READERS[name](name), folder / name, f"127.1.{index}.1")
        return _tell(lab_engine, name, project)

    with pytest.MonkeyPatch.context() as patched, ThreadPoolExecutor(AT_ONCE) as pool:
        patched.setattr(file_mounts, "ROOT", folder / "guest")
        yield {name: pool.submit(tell, index, name) for index, name in enumerate(READERS)}


def _tell(engine: LabEngine, name: str, project: Project) -> Told:
    stack = Stack(client=engine.client(), name=name, project=project, shell=LocalShell())
    stack.mark_image()
    with _SOLE if _has_what_is_sole(project) else nullcontext():
        made = list(_externals(stack.client, project))
        try:
            return _up_and_down(stack)
        finally:
            stack.remove()
            for remove, each in made:
                remove(each)
            stack.client.close()


def _has_what_is_sole(project: Project) -> bool:
    named = any(not network.name.startswith(project.name) for network in project.networks.values())
    return named or any(network.ipam for network in project.networks.values())


def _externals(client: docker.APIClient, project: Project) -> Iterator[tuple[Callable[[str], object], str]]:
    """What somebody else has made, and how it is removed."""
    for network in project.networks.values():
        if network.external:
            client.create_network(network.name)
            yield client.remove_network, network.name
    for volume in project.volumes.values():
        if volume.external:
            client.create_volume(volume.name)
            yield client.remove_volume, volume.name


def _up_and_down(stack: Stack) -> Told:
    up, refused = _run(stack)
    left = words(stack.layer.converge(check=True)) if refused else []
    stack.project = replace(stack.project, services={}, networks={}, volumes={})
    down, stuck = _run(stack)
    assert not stuck
    return Told(up=up, down=down, refused=refused, left=left)


def _run(stack: Stack) -> tuple[tuple[list[str], list[str]], str]:
    """What was previewed and done, and with which words the run failed."""
    previewed = words(stack.layer.converge(check=True))
    try:
        return (previewed, words(stack.layer.converge())), ""
    except StrataError as error:
        return (previewed, words(Plan(error.made))), str(error)


@pytest.mark.parametrize("file", READERS)
def test_check_mode_and_the_run_tell_the_same_changes(file: str, told: dict[str, Future[Told]]) -> None:
    found = told[file].result()
    previewed, done = found.up
    if found.refused:
        assert re.search(REFUSED.get(file, "nothing"), found.refused), found.refused
        assert {*done} < {*previewed}
        assert found.left
    else:
        assert done == previewed != []
    assert found.down[0] == found.down[1] != []
