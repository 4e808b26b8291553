# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``strata explain``: what a leaf of fingerprints is, what it may hold, and whether it counts."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path

from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.causes import cause_of
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.compare import LAYERS
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.fingerprint import (
    Fingerprint,
    read_fingerprint,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.leaf import Leaf
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.report.rules_table import rules_table
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.report.words import plain, shown_leaf
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.ruleset import RULES

KNOWN, NOT_KNOWN = 0, 1
#: Near matches that are named.
_NEAR = 8


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add it to those of ``strata``."""
    text = "tell what a leaf is, which rule takes it out, and what it holds in fingerprints"
    parser = commands.add_parser("explain", help=text, description=text)
    words = "path of a leaf, as comparisons print it, or number of a rule"
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("leaf", nargs="?", metavar="LEAF", help=words)
    which.add_argument("--rules", action="store_true", help="list all rules")
    parser.add_argument("fingerprints", nargs="*", type=Path, metavar="FINGERPRINT", help="files to look into")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Do what the command line says; returns the exit status."""
    if arguments.rules:
        print("\n".join(rules_table(RULES)))
        return KNOWN
    wanted = arguments.leaf.strip("/")
    if wanted.isdigit():
        return _told(_rule_lines(int(wanted)), wanted, [str(rule.number) for rule in RULES.rules])
    found = {str(path): read_fingerprint(path) for path in arguments.fingerprints}
    return _told(_leaf_lines(wanted, found), wanted, _paths(wanted, found))


def _told(lines: Iterable[str], wanted: str, known: Iterable[str]) -> int:
    """Print *lines*, or where there are none what is near to *wanted* among those *known*."""
    if text := "\n".join(lines):
        print(text)
        return KNOWN
    print(f"strata: {plain(wanted)}: there is none. Near to it:", file=sys.stderr)
    for near in _near(wanted, list(known)) or ["nothing"]:
        print(f"  {plain(near)}", file=sys.stderr)
    return NOT_KNOWN


def _near(wanted: str, known: list[str]) -> list[str]:
    """What is below *wanted*, or holds it; else what is spelt like it."""
    below = [path for path in known if path.startswith(f"{wanted}/")]
    return (below or [path for path in known if wanted in path] or get_close_matches(wanted, known, _NEAR))[:_NEAR]


def _paths(wanted: str, found: Mapping[str, Fingerprint]) -> list[str]:
    """Paths of every fingerprint, those with the same beginning if there are such; layers where there is no file."""
    every = sorted({leaf.path for each in found.values() for leaf in each.leaves}) or list(LAYERS)
    beginning = "/".join(wanted.split("/")[:2])
    return [path for path in every if path.startswith(beginning)] or every


def _leaf_lines(path: str, found: Mapping[str, Fingerprint]) -> Iterator[str]:
    leaves = {name: leaf for name, each in found.items() for leaf in each.leaves if leaf.path == path}
    if not leaves and (found or path.partition("/")[0] not in LAYERS or "/" not in path):
        return
    yield plain(path)
    yield from _place_lines(leaves)
    number = RULES.rule_of(path)
    if number is None:
        yield "counts: no rule takes it out"
    else:
        yield from _rule_lines(number)
    yield f"where it differs: {cause_of(path)}"
    yield from _values(found, leaves)


def _place_lines(leaves: Mapping[str, Leaf]) -> Iterator[str]:
    leaf = next(iter(leaves.values()), None)
    if leaf is None:
        yield "plane and level: name a fingerprint that has it"
        return
    yield f"plane {leaf.plane}, level {leaf.level}"
    if not leaf.known:
        yield "unknown: no schema and no rule knows its field, so a fingerprint with it is incomplete"


def _rule_lines(number: int) -> Iterator[str]:
    for rule in RULES.rules:
        if rule.number == number:
            yield f"taken out by rule {rule.number} ({rule.of}): {rule.why}"
            yield f"  leaves: {rule.pattern}"
            yield f"  seen or written: {rule.evidence}"


def _values(found: Mapping[str, Fingerprint], leaves: Mapping[str, Leaf]) -> Iterator[str]:
    for name, fingerprint in found.items():
        yield f"in {name}: {shown_leaf(leaves[name]) if name in leaves else 'not there'}"
        if fingerprint.rules != RULES.version:
            yield f"  it was taken under other rules ({fingerprint.rules}; these are {RULES.version})"
