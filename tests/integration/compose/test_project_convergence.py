# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Laws of whole runs on a real engine: a preview tells what the run does, and the way to a project leaves no trace."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.read_compose import read_project
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker import file_mounts
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.applied_notes import AppliedNotes
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Plan
from environments import REPOSITORY
from hypothesis import HealthCheck, Phase, example, given, settings
from packages import busybox_program

sys.path.insert(0, str(REPOSITORY / "tests/integration/docker"))

from container_lab import PLAIN, LocalShell, Stack, import_image
from inspect_trees import Leaves, differences, trees
from project_pairs import PAIRS, runnable
from tree_pairs import Fields, Tree

if TYPE_CHECKING:
    from lab import LabEngine

pytestmark = pytest.mark.lab

NAME = "pairs"
#: Pattern of a leaf -> why it tells of the way to a project.
OF_THE_WAY: dict[str, str] = {
    r"/Labels/strata\.applied$": "no engine changes a label: what is applied in place is noted elsewhere",
    r"^volume/.*/Labels/strata\.copy$": "number of the move that gave the volume its data",
}

Converge = Callable[[Fields], Stack]


@pytest.fixture(scope="module")
def declare(lab_engine: LabEngine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Converge]:
    """The project of a tree on the engine, which has its image."""
    folder = tmp_path_factory.mktemp(NAME)
    client = lab_engine.client()
    import_image(client, busybox_program(), PLAIN)
    notes = AppliedNotes(folder / "applied")

    def declared(tree: Fields) -> Stack:
        project = read_project(tree, NAME, folder)
        return Stack(client=client, name=NAME, project=project, shell=LocalShell(), notes=notes)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(file_mounts, "ROOT", folder / "files")
        declared({"services": {"app": {"image": PLAIN}}}).mark_image()
        yield declared
    client.close()


def told(plan: Plan) -> list[tuple[Any, ...]]:
    return [(str(change), change.differences) for change in plan]


def converged(stack: Stack) -> Leaves:
    """What the engine shows of the project once it was brought up, by a run that did what its preview told."""
    previewed = stack.layer.converge(check=True)
    assert told(stack.layer.converge()) == told(previewed)
    assert told(stack.layer.converge(check=True)) == []
    return shown(stack)


def shown(stack: Stack) -> Leaves:
    leaves = trees(stack.client, stack.name)
    return {path: value for path, value in leaves.items() if not any(re.search(way, path) for way in OF_THE_WAY)}


EMPTY: Tree = {"services": {}, "jobs": {}, "networks": {}, "volumes": {}, "configs": {}, "secrets": {}}


def drawn(labels: Fields, **service: Any) -> Fields:
    """One service beside a network and a volume, both with *labels*."""
    entries: Tree = {"networks": {"back": {"labels": labels}}, "volumes": {"data": {"labels": labels}}}
    return runnable({**EMPTY, **entries, "services": {"db": service}})


#: The removal of what was mounted was no part of the plan.
LEAVES_A_VOLUME = drawn({}, volumes=["/nameless"]), drawn({})
#: The volume and the network were made anew while the container that had them was.
LETS_GO = drawn({}, volumes=["data:/data"], networks={"back": None}), drawn({"A": "1"})


@settings(
    max_examples=10,
    derandomize=True,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@example(LEAVES_A_VOLUME)
@example(LETS_GO)
@given(PAIRS)
def test_a_project_after_another_is_as_if_it_were_the_first_and_every_preview_holds(
    declare: Converge, pair: tuple[Fields, Fields]
) -> None:
    before, after = (declare(tree) for tree in pair)
    try:
        converged(before)
        on_top = converged(after)
        after.remove()
        assert differences(converged(after), on_top) == {}
    finally:
        after.remove()
