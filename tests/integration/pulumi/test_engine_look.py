# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a program finds on a real engine, before it registers anything."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.compose import Project, Service
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.labels import marks
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Key
from packages import busybox_program
from strata_pulumi.engine_look import EngineLook, look_at

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "docker"))

from container_lab import GUEST, IMAGE, Stack, import_image  # noqa: E402 - the path is set just above

pytestmark = pytest.mark.lab

MARK = "of this stack"
PROJECT = Project(
    name="p",
    file="compose.yaml",
    services={"app": Service(name="app", image=IMAGE, command=("sleep", "600"), container_name="app")},
)
APP = Key("container", "app", GUEST)


class Guest:
    """An engine with a container ``app``, which ``pulumi_docker`` has made, or somebody else."""

    def __init__(self, client: docker.APIClient) -> None:
        self.client = client
        self.stack = Stack(client=client, name="looked_at", project=PROJECT)

    def make(self, *, mark: str, start: bool) -> None:
        wanted = {item.key: item for item in self.stack.declared()}[APP]
        labels = marks("looked_at", wanted, self.stack.seal) | ({"strata.provider": mark} if mark else {})
        config = {"Image": IMAGE, "Cmd": ["sleep", "600"], "Labels": labels}
        made = self.client.create_container_from_config(config, name="app")
        if start:
            self.client.start(made)

    def look(self, preview: bool = False) -> EngineLook:
        return look_at(self.stack.engine, self.stack.environment, self.stack.inputs, MARK, preview)

    def names(self) -> list[str]:
        return [row["Names"][0] for row in self.client.containers(all=True)]


@pytest.fixture(scope="module")
def image(engine_client: docker.APIClient) -> None:
    import_image(engine_client, busybox_program(), IMAGE)


@pytest.fixture
def guest(engine_client: docker.APIClient, image: None) -> Iterator[Guest]:
    made = Guest(engine_client)
    yield made
    for name in made.names():
        engine_client.remove_container(name, force=True)


def test_it_tells_which_containers_the_provider_has_made(guest: Guest) -> None:
    guest.make(mark=MARK, start=True)
    found = guest.look()
    assert found.by_provider == {"app"}
    assert APP in found.there


def test_what_the_core_has_made_is_not_the_providers(guest: Guest) -> None:
    guest.make(mark="", start=False)
    found = guest.look()
    assert (found.by_provider, APP in found.there) == (frozenset(), True)
    assert guest.names() == ["/app"]


def test_what_a_killed_run_has_made_and_not_started_goes_but_not_in_a_preview(guest: Guest) -> None:
    guest.make(mark=MARK, start=False)
    foreseen = guest.look(preview=True)
    assert guest.names() == ["/app"]
    found = guest.look()
    assert guest.names() == []
    assert APP not in found.there
    assert (found.there, found.stays, found.by_provider) == (foreseen.there, foreseen.stays, foreseen.by_provider)


def test_what_another_stack_has_made_is_left_alone_and_not_known(guest: Guest) -> None:
    guest.make(mark="of another stack", start=False)
    found = guest.look()
    assert (found.by_provider, APP in found.there) == (frozenset(), True)
    assert guest.names() == ["/app"]
