# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``strata fingerprint``: takes the fingerprint of an environment."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from ansible_collections.strata.kvm_docker.cli.formats.statement import statement
from ansible_collections.strata.kvm_docker.cli.output import lines, put
from ansible_collections.strata.kvm_docker.cli.source import LEVEL, add_taking, taken
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.compare import Verdict, compare
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.fingerprint import (
    Fingerprint,
    read_fingerprint,
    refuse_same_file,
    text_of,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.report.text import (
    comparison_lines,
    fingerprint_lines,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.ruleset import RULES

FORMATS = ("text", "json", "statement")


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add it to those of ``strata``."""
    text = "take the fingerprint of an environment: all that it is, as one hash"
    parser = commands.add_parser("fingerprint", help=text, description=text)
    parser.add_argument("declaration", type=Path, metavar="DECLARATION", help="path of the *.environment.yml")
    add_taking(parser, LEVEL)
    parser.add_argument("--output", type=Path, metavar="FILE", help="file to write it to; a summary is printed")
    parser.add_argument(
        "--format", choices=FORMATS, help="text; with --output json, the file that others are compared with"
    )
    parser.add_argument("--compare", type=Path, metavar="FILE", help="an earlier fingerprint that it is compared with")
    parser.add_argument("--all", action="store_true", help="cut no list")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Do what the command line says; returns the exit status."""
    refuse_same_file(arguments.output, arguments.compare)
    before = read_fingerprint(arguments.compare) if arguments.compare else None
    found = taken(arguments.declaration, arguments, arguments.level)
    told, status = fingerprint_lines(found, arguments.all), status_of(found)
    if before:
        comparison = compare(before, found)
        told += ["", f"compared with {arguments.compare}:", *comparison_lines(comparison, RULES, arguments.all)]
        status = comparison.verdict.exit_status
    written = arguments.format or ("json" if arguments.output else "text")
    put(_content(found, written, told), arguments.output, told)
    return status


def status_of(found: Fingerprint) -> int:
    """0 where it is a proof; otherwise the status of the verdict that any comparison with it can have at best."""
    if found.moving:
        return Verdict.UNSETTLED.exit_status
    return Verdict.INCOMPLETE.exit_status if found.incomplete else 0


def _content(found: Fingerprint, written: str, told: list[str]) -> str:
    if written == "json":
        return text_of(found)
    if written == "statement":
        return json.dumps(statement(found), indent=2, sort_keys=True) + "\n"
    return lines(told)
