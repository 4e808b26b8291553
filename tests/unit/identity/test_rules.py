# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules: which leaves a pattern takes out, and that another list is another version."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.report.rules_table import rules_table
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.rules import Rule, Rules
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.ruleset import RULES


def only(pattern: str) -> Rules:
    return Rules((Rule(7, pattern, "time", "why", "seen"),))


@pytest.mark.parametrize(
    ("pattern", "path", "taken"),
    [
        ("containers/*/*/State/Pid", "containers/apps/app/State/Pid", True),
        ("containers/*/*/State/Pid", "containers/apps/State/Pid", False),
        ("containers/*/*/State/Pid", "containers/apps/app/State/Pid/x", False),
        ("containers/*/*/State/*At", "containers/a/b/State/StartedAt", True),
        ("**/:mtime", ":mtime", True),
        ("**/:mtime", "guests/a/files/x/:mtime", True),
        ("**/:mtime", "guests/a/files/x:mtime", False),
        ("guests/*/files/run/**", "guests/a/files/run/x/y", True),
        ("guests/*/files/run/**", "guests/a/files/run", False),
        ("guests/*/files/**/log/*", "guests/a/files/log/x", True),
        ("guests/*/files/**/log/*", "guests/a/files/var/b/log/x", True),
        ("a.b/c+", "a.b/c+", True),
        ("a.b/c+", "axb/cc", False),
        ("guest*/a", "guests/a", True),
        ("guest*/a", "networks/a", False),
        ("a/*", "a/with\nline", True),
    ],
)
def test_a_pattern_takes_out_whole_paths(pattern: str, path: str, taken: bool) -> None:
    assert only(pattern).rule_of(path) == (7 if taken else None)


def test_attributes_of_libvirt_xml_are_found_by_our_rules() -> None:
    assert RULES.rule_of("networks/lan/live/@connections") == 2
    assert RULES.rule_of("networks/lan/@connections") == 1


def test_the_first_rule_that_fits_is_told() -> None:
    rules = Rules((Rule(9, "a/**", "log", "w", "e"), Rule(3, "a/b", "id", "w", "e")))
    assert (rules.rule_of("a/b"), rules.rule(3).of) == (9, "id")
    with pytest.raises(KeyError):
        rules.rule(1)


def test_a_rule_that_says_anything_else_is_another_version() -> None:
    rule = Rule(1, "a", "id", "why", "seen")
    others = [replace(rule, number=2), replace(rule, pattern="b"), replace(rule, of="log"), replace(rule, why="x")]
    versions = {Rules((each,)).version for each in (rule, *others)}
    assert len(versions) == 5
    assert Rules((rule,)).version.startswith("1:")
    assert Rules(()).rule_of("a") is None


def test_the_table_has_a_row_for_each_rule_whatever_it_says() -> None:
    table = rules_table(Rules((Rule(1, "a/*", "id", "this | that", "seen"),)))
    assert table[2] == "| 1 | `a/*` | id | this \\| that | seen |"
