# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One Compose file, two tools, one engine: `docker compose up` and we make the same of it."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.read_compose import read_compose
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker import file_mounts
from environments import REPOSITORY
from packages import busybox_program

sys.path.insert(0, str(REPOSITORY / "tests/integration/docker"))

from container_lab import LocalShell, Stack, import_image
from inspect_trees import ON_PURPOSE, Leaves, differences, explained, trees

if TYPE_CHECKING:
    import docker
    from lab import LabEngine

pytestmark = pytest.mark.lab

FILES = sorted((REPOSITORY / "tests/corpus/inspect").glob("*.yaml"))
RICH = "strata-test/rich:1"
#: An image that declares what a service may leave open.
OF_IMAGE = [
    'ENTRYPOINT ["/bin/busybox"]',
    'CMD ["sleep", "3600"]',
    "ENV FROM=image",
    "LABEL from=image",
    "EXPOSE 80",
    "USER 1000",
    "VOLUME /vol",
    "WORKDIR /bin",
    'HEALTHCHECK --interval=3s CMD ["/bin/busybox", "true"]',
]
#: Projects at once, on two cores.
AT_ONCE = 4

Found = dict[str, Future[dict[str, tuple[Any, Any]]]]


@pytest.fixture(scope="module")
def found(lab_engine: LabEngine, tmp_path_factory: pytest.TempPathFactory) -> Found:
    """By project, the leaves that differ: (by `docker compose`, by us)."""
    folder = tmp_path_factory.mktemp("inspect")
    client = lab_engine.client()
    program = busybox_program()
    import_image(client, program, "strata-test/inspected:1", OF_IMAGE[:4])
    import_image(client, program, RICH, OF_IMAGE)
    with pytest.MonkeyPatch.context() as patched, ThreadPoolExecutor(AT_ONCE) as pool:
        patched.setattr(file_mounts, "ROOT", folder / "files")
        return {file.stem: pool.submit(_compare, lab_engine, file) for file in FILES}


def _compare(engine: LabEngine, file: Path) -> dict[str, tuple[Any, Any]]:
    client = engine.client()
    theirs = _by_compose(engine, client, file)
    ours = _by_us(client, file)
    client.close()
    return differences(theirs, ours)


def _by_compose(engine: LabEngine, client: docker.APIClient, file: Path) -> Leaves:
    tool = subprocess.run([REPOSITORY / "tools" / "docker-compose"], capture_output=True, text=True, check=True)
    compose = [tool.stdout.strip(), "-f", str(file), "-p", file.stem]
    environment = {**os.environ, "DOCKER_HOST": f"unix://{engine.socket}"}

    def run(*words: str) -> None:
        done = subprocess.run([*compose, *words], env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    run("up", "--detach", "--pull", "never")
    try:
        return trees(client, file.stem)
    finally:
        run("down", "--volumes", "--timeout", "0")


def _by_us(client: docker.APIClient, file: Path) -> Leaves:
    mine = Stack(client=client, name=file.stem, project=read_compose(file, file.stem), shell=LocalShell())
    try:
        mine.mark_image()
        previewed = mine.layer.converge(check=True)
        assert mine.layer.converge().changes == previewed.changes
        assert not (rest := mine.layer.converge(check=True)), str(list(rest))
        return trees(client, file.stem)
    finally:
        mine.remove()


@pytest.mark.parametrize("project", [file.stem for file in FILES])
def test_a_project_is_the_same_by_docker_compose_and_by_us_but_for_what_differs_on_purpose(
    project: str, found: Found
) -> None:
    unexplained = {path: values for path, values in found[project].result().items() if not any(explained(path))}
    assert not unexplained


def test_every_difference_on_purpose_is_met(found: Found) -> None:
    met = {pattern for differing in found.values() for path in differing.result() for pattern in explained(path)}
    assert met == ON_PURPOSE.keys()
