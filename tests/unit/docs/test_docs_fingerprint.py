# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/fingerprint.md against the code: planes, levels, verdicts with their statuses, and the list of rules."""

from __future__ import annotations

import re
from typing import get_args

from ansible_collections.strata.kvm_docker.cli.main import ERROR
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.compare import Verdict
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.leaf import LEVELS, PLANES
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.report.rules_table import rules_table
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.rules import Class
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.ruleset import RULES
from pages import page

PAGE = page("fingerprint.md")


def cells(title: str) -> list[list[str]]:
    return list(PAGE.rows(title))[1:]


def test_the_page_tells_the_planes_in_their_order() -> None:
    assert [row[0].strip("`") for row in cells("Planes")] == list(PLANES)


def test_the_page_tells_the_levels_in_the_words_of_the_command() -> None:
    assert {int(row[0]): row[1] for row in cells("Levels")} == LEVELS


def test_the_page_tells_every_verdict_with_its_exit_status() -> None:
    told = {row[0].strip("`"): int(row[1]) for row in cells("Verdicts")}
    assert told == {"an error": ERROR, **{verdict.value: verdict.exit_status for verdict in Verdict}}


def test_the_page_has_the_rules_as_the_command_lists_them() -> None:
    table = re.search(r"<!-- strata explain --rules -->\n(.*)<!-- end -->", PAGE.text, re.DOTALL)
    assert table
    assert table[1].splitlines() == rules_table(RULES)


def test_the_rules_have_numbers_of_their_own_known_classes_and_a_reason_each() -> None:
    numbers = [rule.number for rule in RULES.rules]
    assert sorted(set(numbers)) == sorted(numbers)
    assert {rule.of for rule in RULES.rules} <= set(get_args(Class))
    assert [rule.number for rule in RULES.rules if not (rule.why and rule.evidence)] == []
