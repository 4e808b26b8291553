# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A comparison as JUnit XML, for the test reports of pipelines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.compare import Comparison, LayerRow, Verdict
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.report.groups import Group, grouped
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.report.text import verdict_in_words
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.report.words import (
    before_and_after,
    counted,
    plain,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.requirements import require

if TYPE_CHECKING:
    from junitparser import TestCase, TestSuite

#: Differences that one test case tells.
SHOWN = 200


def junit(comparison: Comparison, expected: Verdict) -> str:
    """A suite for the verdict, and one for each layer with a case for each group of differences.

    Fails what is not as *expected*: nothing at all where the verdict is.
    """
    require("junitparser")
    from junitparser import JUnitXml

    report = JUnitXml(name=f"strata: {plain(comparison.first.environment)} and {plain(comparison.second.environment)}")
    groups = grouped(comparison.differences)
    report.append(_suite("verdict", [_verdict(comparison, expected)]))
    for row in comparison.layers:
        members = [group for group in groups if group.layer == row.layer]
        report.append(_suite(plain(row.layer), _layer_cases(row, members, comparison.verdict, expected)))
    report.update_statistics()
    text: str = report.tostring().decode()
    return f"{text}\n"


def _suite(name: str, cases: Iterable[TestCase]) -> TestSuite:
    from junitparser import TestSuite

    suite = TestSuite(name)
    for case in cases:
        suite.add_testcase(case)
    return suite


def _verdict(comparison: Comparison, expected: Verdict) -> TestCase:
    """An error, in place of a failure, where nobody can tell."""
    from junitparser import Error, Failure, TestCase

    verdict = comparison.verdict
    case = TestCase(f"verdict is {expected.value}", classname="strata.verdict")
    if not verdict.satisfies(expected):
        outcome = Failure if verdict in (Verdict.IDENTICAL, Verdict.EQUIVALENT, Verdict.DIFFERENT) else Error
        result = outcome(f"{verdict.value}: {verdict_in_words(comparison)}", verdict.value)
        result.text = "\n".join(map(plain, comparison.reasons))
        case.result = [result]
    return case


def _layer_cases(row: LayerRow, groups: list[Group], verdict: Verdict, expected: Verdict) -> Iterator[TestCase]:
    from junitparser import Failure, TestCase

    if not groups:
        yield TestCase(f"{counted(row.leaves, 'leaf')} the same", classname=f"strata.{plain(row.layer)}")
    for group in groups:
        case = TestCase(f"{plain(group.title)}: {group.cause}", classname=f"strata.{plain(row.layer)}")
        told = "\n".join(_told(group))
        if verdict.satisfies(expected) or (group.identity and expected is Verdict.EQUIVALENT):
            case.system_out = told
        else:
            result = Failure(f"{counted(len(group.differences), 'difference')}: {group.cause}", "difference")
            result.text = told
            case.result = [result]
        yield case


def _told(group: Group) -> Iterator[str]:
    for each in group.differences[:SHOWN]:
        before, after = before_and_after(each)
        yield f"{plain(each.path)}: {before} -> {after}"
    if len(group.differences) > SHOWN:
        yield f"and {len(group.differences) - SHOWN:,} more"
