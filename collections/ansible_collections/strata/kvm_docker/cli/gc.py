# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``strata gc``: removes what nobody refers to in the store of images."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from ansible_collections.strata.kvm_docker.plugins.module_utils import requirements
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.scalars import parse_bytes
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.disk_files import domain_disks
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.hypervisor import opened
from ansible_collections.strata.kvm_docker.plugins.module_utils.store.gc import Verdict, collect


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add it to those of ``strata``."""
    text = "remove images, layers and archives that no environment, disk or process uses"
    parser = commands.add_parser("gc", help=text, description=text)
    parser.add_argument("--dry-run", action="store_true", help="tell what would be removed, and remove nothing")
    words = "of what nobody uses, remove the least recently used only, until the store has at most SIZE (20 GiB, say)"
    parser.add_argument("--keep", type=_size, default=0, metavar="SIZE", help=words)
    parser.add_argument("--state-folder", metavar="FOLDER", help="state folder of the hypervisor (/var/lib/strata)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Do what the command line says; returns the exit status."""
    folders = Folders.of(arguments.state_folder)
    verdicts = collect(folders, arguments.keep, arguments.dry_run, _disks(folders))
    print("\n".join(table(verdicts, "would be removed" if arguments.dry_run else "removed")))
    return 0


def table(verdicts: Iterable[Verdict], removed: str) -> list[str]:
    """*verdicts* for people; *removed* stands beside what goes."""
    rows = [("piece", "size", "last used", ""), *(_row(verdict, removed) for verdict in verdicts)]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = [f"{a:<{widths[0]}}  {b:>{widths[1]}}  {c:<{widths[2]}}  {d}".rstrip() for a, b, c, d in rows]
    going = sum(verdict.item.size for verdict in verdicts if not verdict.kept)
    whole = sum(verdict.item.size for verdict in verdicts)
    return [*lines, f"{removed}: {_mib(going)} of {_mib(whole)}"]


def _row(verdict: Verdict, removed: str) -> tuple[str, str, str, str]:
    why = f"stays: {verdict.kept}" if verdict.kept else removed
    return verdict.item.label, _mib(verdict.item.size), _when(verdict.item.used), why


def _when(second: float) -> str:
    try:
        return datetime.fromtimestamp(second).astimezone().strftime("%Y-%m-%d %H:%M")
    except (ValueError, OverflowError, OSError):
        return "unknown"


def _mib(size: int) -> str:
    return f"{size / 1024**2:.0f} MiB"


def _disks(folders: Folders) -> list[Path]:
    """Of every domain of the libvirt that the state folder's environments use, ours or not."""
    requirements.require("libvirt")
    with opened("auto", folders, may_be_absent=True, may_be_stopped=True) as hypervisor:
        return domain_disks(hypervisor)


def _size(text: str) -> int:
    try:
        return parse_bytes(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
