# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``strata compare``: tells whether two environments, or one at two times, are the same."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from ansible_collections.strata.kvm_docker.cli.output import lines, put
from ansible_collections.strata.kvm_docker.cli.source import add_taking, both
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.compare import Comparison, Verdict, compare
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.report.data import comparison_data
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.report.text import comparison_lines
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.ruleset import RULES

FORMATS = ("text", "json", "junit", "html")
#: What is incomplete, unsettled or cannot be compared is never what somebody wanted.
EXPECTED = (Verdict.IDENTICAL, Verdict.EQUIVALENT, Verdict.DIFFERENT)
UNEXPECTED = 1


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add it to those of ``strata``."""
    text = "compare two fingerprints: a verdict, what differs and what most likely made it so"
    parser = commands.add_parser("compare", help=text, description=text)
    for name in ("first", "second"):
        words = "file of a fingerprint, or a declaration (*.yml): its fingerprint is taken now"
        parser.add_argument(name, type=Path, metavar=name.upper(), help=words)
    add_taking(parser, None)
    parser.add_argument("--format", choices=FORMATS, default="text")
    parser.add_argument("--output", type=Path, metavar="FILE", help="file to write it to; the text is printed")
    parser.add_argument(
        "--expect", choices=[verdict.value for verdict in EXPECTED], help="verdict that is as it should be (IDENTICAL)"
    )
    parser.add_argument("--all", action="store_true", help="list each difference")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Do what the command line says; returns the exit status."""
    comparison = compare(*both(arguments))
    expected = Verdict(arguments.expect or Verdict.IDENTICAL)
    told = comparison_lines(comparison, RULES, arguments.all)
    put(_content(comparison, expected, arguments.format, told), arguments.output, told)
    return status_of(comparison.verdict, expected)


def status_of(verdict: Verdict, expected: Verdict) -> int:
    """0 where *verdict* is as *expected*, else that of the verdict, or 1 where that is 0."""
    return 0 if verdict.satisfies(expected) else verdict.exit_status or UNEXPECTED


def _content(comparison: Comparison, expected: Verdict, written: str, told: list[str]) -> str:
    """Libraries of a format are imported where it is asked for."""
    if written == "json":
        return json.dumps(comparison_data(comparison, RULES), indent=2) + "\n"
    if written == "junit":
        from ansible_collections.strata.kvm_docker.cli.formats.junit import junit

        return junit(comparison, expected)
    if written == "html":
        from ansible_collections.strata.kvm_docker.cli.formats.page import page

        return page(comparison, RULES)
    return lines(told)
