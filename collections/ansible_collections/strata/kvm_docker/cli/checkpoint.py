# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``strata checkpoint``: keeps a whole environment to start warm from or to go back to, lists and removes
what is kept."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ansible_collections.strata.kvm_docker.plugins.module_utils.checkpoint import command
from ansible_collections.strata.kvm_docker.plugins.module_utils.converge import Options
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import StrataError
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.progress import Event, Progress


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add it to those of ``strata``."""
    text = "keep a whole environment, running, to start warm from and to go back to"
    parser = commands.add_parser("checkpoint", help=text, description=text)
    parser.add_argument("act", choices=["take", "restore", "list", "remove"], help="what to do")
    parser.add_argument("declaration", type=Path, metavar="DECLARATION", help="path of the *.environment.yml")
    parser.add_argument("--digest", default="", help="remove those only whose digest begins so")
    parser.add_argument("--allow-clone", action="store_true", help="restore it though its guests run elsewhere too")
    parser.add_argument("--state-folder", metavar="FOLDER", help="state folder of the hypervisor (/var/lib/strata)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Do what the command line says; returns the exit status."""
    for option, act, given in (
        ("--digest", "remove", arguments.digest),
        ("--allow-clone", "restore", arguments.allow_clone),
    ):
        if given and arguments.act != act:
            raise StrataError(f"checkpoint {arguments.act} takes no {option}; it is of checkpoint {act}.")
    declaration = arguments.declaration.absolute()
    folders = Folders.of(arguments.state_folder)
    options = Options(folders=folders, progress=Progress(_tell), allow_clone=arguments.allow_clone)
    if arguments.act == "take":
        kept = command.have_checkpoint(declaration, options)
        print(f"{kept.digest}: {'made' if kept.changed else 'there already'}")
    elif arguments.act == "restore":
        done = command.restore_checkpoint(declaration, options)
        for warning in done.warnings:
            print(f"warning: {warning}", file=sys.stderr)
        print(f"environment {done.environment}: restored")
    elif arguments.act == "remove":
        for digest in command.remove_checkpoints(declaration, options, arguments.digest):
            print(f"{digest}: removed")
    else:
        listing = command.checkpoints(declaration, options.folders)
        for words in listing.damaged:
            print(f"warning: {words}", file=sys.stderr)
        for one in listing.whole:
            made = one.manifest.made
            print(f"{one.manifest.digest}  {made}  {one.manifest.size >> 20} MiB  {' '.join(one.manifest.guests)}")
    return 0


def _tell(event: Event) -> None:
    if event.status != "progress":
        print(f"{event.stage}: {event.message or event.status}", file=sys.stderr)
