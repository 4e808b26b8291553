# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules for drift that can match nothing are refused, with the right form."""

from __future__ import annotations

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.kinds import KINDS, ON_ENGINES
from ansible_collections.strata.kvm_docker.plugins.module_utils.resources import ENGINE_KINDS, RESOURCES
from declare_files import DECLARATION, MARK, Folder, marked_line

FORM = "write it as a plan names objects, e.g. container apps/app-1"


def ruled(glob: str) -> str:
    return f"{DECLARATION}drift:\n  - policy: ignore\n    object: '{glob}'{MARK}\n"


@pytest.mark.parametrize(
    ("glob", "message"),
    [
        ("contaner *", "unknown kind 'contaner'; did you mean 'container'?"),
        ("contaner*", "unknown kind 'contaner'; did you mean 'container'?"),
        ("containers web/*", "unknown kind 'containers'; did you mean 'container'?"),
        ("web/app-1", "unknown kind 'web/app-1'"),
        ("container", "'container' matches no object"),
        (" guest web", "unknown kind ''"),
        ("container app-1", "the guest is missing; write container <guest>/app-1"),
        ("docker_* front", "the guest is missing; write docker_* <guest>/front"),
        ("container we/app-1", "unknown guest 'we'; did you mean 'web'?"),
    ],
)
def test_a_rule_that_matches_nothing_is_told_with_the_right_form(folder: Folder, glob: str, message: str) -> None:
    declaration = ruled(glob)
    problem = folder.problem(declaration)
    assert (problem.path, problem.line) == ("drift.0.object", marked_line(declaration))
    assert message in problem.message
    assert FORM in problem.message or "<guest>/" in problem.message


@pytest.mark.parametrize(
    "glob",
    [
        "*", "* *", "*app*", "*web/*", "container*", "c* web/app-1", "container web*", "container */app-[12]",
        "container web/*", "guest *", "guest web", "disk web.data", "container_archive a/b:1", "[cd]* web/*",
        "engine web/docker", "?uest web",
    ],
)  # fmt: skip
def test_a_rule_that_may_match_is_taken(folder: Folder, glob: str) -> None:
    (rule,) = folder.read(ruled(glob)).drift
    assert rule.object == glob


def test_every_kind_is_known_and_every_kind_of_an_engine_as_one() -> None:
    assert (ENGINE_KINDS, tuple(RESOURCES)) == (ON_ENGINES, KINDS)
