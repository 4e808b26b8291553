# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``strata lock``: makes the lock of an environment, or compares it with what is there."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.lock_command import compare_lock, refresh_lock
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.lock_use import LockReport

SAME, MOVED = 0, 1


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add it to those of ``strata``."""
    text = "make or refresh the lock of an environment: every outside input by digest"
    parser = commands.add_parser("lock", help=text, description=text)
    parser.add_argument("declaration", type=Path, metavar="DECLARATION", help="path of the *.environment.yml")
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit with 1 and a list where something is not as locked"
    )
    parser.add_argument("--state-folder", metavar="FOLDER", help="state folder of the hypervisor (/var/lib/strata)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Do what the command line says; returns the exit status."""
    folders = Folders.of(arguments.state_folder)
    declaration = arguments.declaration.absolute()
    return _check(compare_lock(declaration, folders)) if arguments.check else _make(refresh_lock(declaration, folders))


def _check(report: LockReport) -> int:
    if not report.moves:
        print(f"{report.path}: everything is as locked")
        return SAME
    print(f"{report.path}: {len(report.moves)} moved")
    _list(report)
    return MOVED


def _make(report: LockReport) -> int:
    done = "written" if report.changed else "unchanged"
    print(f"{report.path}: {done}")
    _list(report)
    if report.unknown:
        print(f"not known here yet, and left open: {', '.join(report.unknown)}", file=sys.stderr)
    if report.unreached:
        print(f"no engine was asked about tags of registries: {report.unreached}", file=sys.stderr)
    return SAME


def _list(report: LockReport) -> None:
    for move in report.moves:
        print(f"  {move}")
