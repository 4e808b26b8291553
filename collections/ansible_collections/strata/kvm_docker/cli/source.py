# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where fingerprints on a command line come from: a file of one, or a declaration whose environment is looked at."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.fingerprint import (
    Fingerprint,
    read_fingerprint,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.leaf import LEVELS
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.take import take
from ansible_collections.strata.kvm_docker.plugins.module_utils.progress import Event, Progress

LEVEL = 3


def add_taking(parser: argparse.ArgumentParser, level: int | None) -> None:
    """Add the options of taking a fingerprint; *level* is the default."""
    words = ", ".join(f"{number} {what}" for number, what in LEVELS.items())
    parser.add_argument("--level", type=int, choices=LEVELS, default=level, help=f"how deep it looks: {words}")
    parser.add_argument("--key", type=Path, metavar="FILE", help="key of the secrets' seals (the state folder's own)")
    parser.add_argument("--state-folder", metavar="FOLDER", help="state folder of the hypervisor (/var/lib/strata)")


def is_declaration(path: Path) -> bool:
    """By its name, as Ansible tells inventories; fingerprints are JSON."""
    return path.suffix in (".yml", ".yaml")


def taken(declaration: Path, arguments: argparse.Namespace, level: int) -> Fingerprint:
    """Take the fingerprint of *declaration* at *level*, with the options of :func:`add_taking`."""
    folders = Folders.of(arguments.state_folder)
    return take(declaration.absolute(), folders, level, Progress(_show), arguments.key)


def both(arguments: argparse.Namespace) -> tuple[Fingerprint, Fingerprint]:
    """``first`` and ``second`` of *arguments*, read before any is taken; those are of the level of what was read."""
    paths = (arguments.first, arguments.second)
    there = {path: read_fingerprint(path) for path in paths if not is_declaration(path)}
    level = arguments.level or next((found.level for found in there.values()), LEVEL)
    first, second = (there[path] if path in there else taken(path, arguments, level) for path in paths)
    return first, second


def _show(event: Event) -> None:
    """Where somebody watches, stages are told while they are worked on."""
    if sys.stderr.isatty() and event.status in ("start", "failed"):
        print(f"strata: {event.stage} {event.message}".rstrip(), file=sys.stderr)
