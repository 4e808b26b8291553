# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The main job by Pulumi's own command line on real parts: two guests, their engines and their containers."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest import access
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.disk_files import chain, disk_path
from environments import EnvironmentCopy, running_lab
from pulumi_stack import Stack

pytestmark = [pytest.mark.lab, pytest.mark.guests, pytest.mark.pulumi]

GUESTS = ("web", "apps")
SECRET = "open-sesame-4711"
#: Changes that would end something.
ENDING = ("replace", "create-replacement", "delete-replaced", "delete")


class TwoHosts(Stack):
    def in_guest(self, guest: str, command: str) -> str:
        return access.shell("two_hosts", guest, self.copy.lab.folders).run(command, timeout=300).decode()

    def containers(self) -> dict[str, str]:
        """Ids by name."""
        rows = "docker ps -a --no-trunc --format '{{.Names}} {{.ID}}'"
        told = [self.in_guest(guest, rows) for guest in GUESTS]
        return dict(line.split(" ") for line in "".join(told).splitlines())

    def boots(self) -> list[str]:
        return [self.in_guest(guest, "cat /proc/sys/kernel/random/boot_id") for guest in GUESTS]

    def app(self, old: str, new: str) -> None:
        self.copy.edit(self.copy.folder / "compose/apps/app/app.py", old, new)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwoHosts]:
    """A stack of two_hosts with a secret in it, whose guests stand on an engine layer, brought up once."""
    with running_lab() as lab:
        folder = tmp_path_factory.mktemp("pulumi")
        made = TwoHosts(EnvironmentCopy.of(lab, "two_hosts", folder / "two_hosts"), folder, secret=SECRET)
        compose = made.copy.folder / "compose/apps/compose.yaml"
        made.copy.edit(compose, "REDIS_HOST: redis", f"REDIS_HOST: redis\n      API_TOKEN: {SECRET}")
        made.copy.edit(made.copy.declaration, "  debian13:\n", "  debian13:\n    preload: true\n")
        lab.start_hypervisor()
        made.up()
        yield made
        made.destroy()


def test_it_comes_up_and_neither_pulumi_nor_the_core_has_anything_left_to_do(stack: TwoHosts) -> None:
    assert json.loads(stack.copy.get())["greeting"] == "Hello from two hosts"
    stack.unchanged()
    assert stack.copy.converge()["changes"] == []
    stack.unchanged()


def test_the_disks_stand_on_the_layer_as_those_that_the_core_makes(stack: TwoHosts) -> None:
    folders = stack.copy.lab.folders
    below = {next(itertools.islice(chain(disk_path(folders.pool("two_hosts"), guest)), 1, None)) for guest in GUESTS}
    assert {path.parent.parent for path in below} == {folders.images / "layers"}
    assert len(below) == 1


def test_secrets_are_in_no_file_of_pulumis(stack: TwoHosts) -> None:
    files = [path for path in stack.folder.rglob("*") if path.is_file() and stack.copy.folder not in path.parents]
    assert any("stacks" in path.parts for path in files)
    assert [path for path in files if SECRET.encode() in path.read_bytes()] == []


def test_pulumi_keeps_nothing_that_is_not_written_as_a_whole(stack: TwoHosts) -> None:
    """Attributes beside files are not: killed then, it cannot read the stack any more."""
    kept = [path for path in (stack.folder / ".pulumi").rglob("*") if path.is_file()]
    assert any("stacks" in path.parts for path in kept)
    assert [path for path in kept if path.suffix == ".attrs"] == []


def test_more_memory_is_no_other_guest(stack: TwoHosts) -> None:
    stack.copy.edit(stack.copy.declaration, "memory: 768 MiB", "memory: 800 MiB")
    foreseen = stack.foreseen()
    stack.copy.edit(stack.copy.declaration, "memory: 800 MiB", "memory: 768 MiB")
    assert set(foreseen.values()) == {"update"}
    assert {name.split("/")[1] for name in foreseen} == {"guest", "ready"}  # its engine is awaited once more


def test_a_new_version_of_the_app_replaces_its_containers_and_nothing_else(stack: TwoHosts) -> None:
    before, boots = stack.containers(), stack.boots()
    stack.app("visits", "visitors")
    ending = {name for name, op in stack.foreseen().items() if op in ENDING}
    assert ending == {"two_hosts/container/apps/apps-app-1", "two_hosts/container/apps/apps-app-2"}
    stack.up()
    after = stack.containers()
    assert {name for name in before if before[name] != after[name]} == {"apps-app-1", "apps-app-2"}
    assert "visitors" in json.loads(stack.copy.get())
    assert stack.boots() == boots
    stack.unchanged()


def test_a_new_configuration_replaces_the_container_that_has_it(stack: TwoHosts) -> None:
    before = stack.containers()
    stack.copy.edit(stack.copy.folder / "compose/web/haproxy.cfg", "maxconn 512", "maxconn 500")
    stack.up()
    after = stack.containers()
    assert {name for name in before if before[name] != after[name]} == {"web-haproxy-1"}
    assert json.loads(stack.copy.get())
    stack.unchanged()


def test_a_changed_network_is_followed_below_its_containers_and_nothing_is_left_to_do(stack: TwoHosts) -> None:
    """The core makes it anew, under another id than the stack knows; a refresh has the provider notice."""
    before = stack.containers()
    compose = stack.copy.folder / "compose/apps/compose.yaml"
    stack.copy.edit(compose, "  backend:\n    ipam:", "  backend:\n    labels: {tier: back}\n    ipam:")
    stack.up()
    stack.unchanged()
    stack.pulumi("refresh", "--yes", "--skip-preview")
    stack.up()
    assert stack.containers() == before
    stack.unchanged()


def test_a_preview_tells_drift_without_a_refresh_and_the_next_run_repairs_it(stack: TwoHosts) -> None:
    stack.in_guest("apps", "docker rm -f apps-app-1 && docker stop apps-redis-1")
    stack.copy.lab.virsh("destroy", "two_hosts-web")
    foreseen = stack.foreseen()
    assert foreseen["two_hosts/guest/web"] == "update"
    assert foreseen["two_hosts/container/apps/apps-redis-1"] == "update"
    assert foreseen["two_hosts/container/apps/apps-app-1"] in ENDING
    stack.up()
    assert json.loads(stack.copy.get())
    stack.unchanged()


def killed_at(running: subprocess.Popen[str], words: str) -> None:
    """Kill the command line with all that it has started once it has said *words*."""
    assert running.stdout
    for line in running.stdout:
        if words in line:
            os.killpg(running.pid, signal.SIGKILL)
            break
    running.communicate(timeout=60)
    assert running.returncode == -signal.SIGKILL


@pytest.mark.parametrize(
    "words",
    ["Object two_hosts/container/apps/apps-app-1 del", "Container two_hosts/container/apps/apps-app-2 created"],
    ids=["deleting", "created"],
)
def test_what_a_killed_run_has_begun_the_next_one_ends(stack: TwoHosts, words: str) -> None:
    stack.app("import json", f"# killed at {words}\nimport json")
    killed_at(stack.start("up", "--yes", "--skip-preview", *stack.settings), words)
    stack.pulumi("cancel", "--yes")
    stack.up()
    assert json.loads(stack.copy.get())
    stack.unchanged()
    assert stack.copy.converge()["changes"] == []


def test_what_was_built_without_the_stack_is_taken_over_as_it_is(stack: TwoHosts) -> None:
    """Ansible makes one container anew, and the stack is forgotten."""
    stack.in_guest("apps", "docker rm -f apps-app-2")
    assert stack.copy.converge()["changes"] != []
    before, boots = stack.containers(), stack.boots()
    stack.pulumi("stack", "rm", "--force", "--yes")
    refused, _nothing = (running := stack.start("up", "--yes", "--skip-preview", *stack.settings)).communicate(
        timeout=300
    )
    assert running.returncode != 0
    assert "Run again: they are then taken over." in refused
    stack.up()
    assert (stack.containers(), stack.boots()) == (before, boots)
    stack.unchanged()


def test_a_guest_that_is_gone_stops_no_destroy_and_nothing_is_left(stack: TwoHosts) -> None:
    lab = stack.copy.lab
    lab.virsh("destroy", "two_hosts-web")
    lab.virsh("undefine", "two_hosts-web")
    stack.destroy()
    assert lab.virsh("list", "--all", "--name").split() == []
    assert lab.virsh("net-list", "--all", "--name").split() == []
    assert not lab.folders.environment("two_hosts").exists()
    assert not (lab.folders.root / "pools/two_hosts").exists()


def test_of_a_stack_of_nothing_all_is_created(stack: TwoHosts) -> None:
    foreseen: dict[str, Any] = stack.foreseen()
    assert {*foreseen.values()} <= {"create", "import"}
    assert "two_hosts/container/apps/apps-app-1" in foreseen
