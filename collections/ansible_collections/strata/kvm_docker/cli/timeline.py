# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``strata timeline``: what a run did when, what it waited for, and where its time went."""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path

from ansible_collections.strata.kvm_docker.cli.formats.timeline_text import run_lines, summary, timeline_lines
from ansible_collections.strata.kvm_docker.cli.output import lines, put
from ansible_collections.strata.kvm_docker.cli.source import is_declaration
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.read import read_identity
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.scalars import check_name
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import StrataError
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.resources import KINDS
from ansible_collections.strata.kvm_docker.plugins.module_utils.run_record import read_run, run_files
from ansible_collections.strata.kvm_docker.plugins.module_utils.timeline.timeline import Timeline, timeline

FORMATS = ("text", "html", "svg", "json")
#: Digits of a number among the last runs; a time has more.
_NUMBER = re.compile(r"\d{1,3}")
_NO_DIGIT = re.compile(r"[^0-9]")


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add it to those of ``strata``."""
    text = "draw what a run did when, guest by guest and layer by layer, and tell where its time went"
    parser = commands.add_parser("timeline", help=text, description=text)
    words = "name of the environment, or path of its *.environment.yml"
    parser.add_argument("environment", metavar="DECLARATION_OR_NAME", help=words)
    which = parser.add_mutually_exclusive_group()
    words = "1 for the last run (the default), 2 for the one before, or when it began in UTC, like 20261122T1442"
    which.add_argument("--run", default="1", metavar="N|TIME", dest="wanted", help=words)
    which.add_argument("--list", action="store_true", help="list the runs that are kept")
    parser.add_argument("--format", choices=FORMATS, help="text; with --output, what the name of the file ends with")
    parser.add_argument("--output", type=Path, metavar="FILE", help="file to write it to; a summary is printed")
    parser.add_argument("--all", action="store_true", help="fold no short bars in the text")
    parser.add_argument("--state-folder", metavar="FOLDER", help="state folder of the hypervisor (/var/lib/strata)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Do what the command line says; returns the exit status."""
    paths = _runs(_name(arguments.environment), Folders.of(arguments.state_folder))
    if arguments.list:
        told = lines(run_lines([read_run(path) for path in paths]))
        put(told, arguments.output, [f"{len(paths)} run{'s' if len(paths) > 1 else ''}"])
        return 0
    found = timeline(read_run(_chosen(paths, arguments.wanted)), tuple(KINDS))
    put(_content(found, _format(arguments), arguments.all), arguments.output, summary(found))
    return 0


def _name(given: str) -> str:
    if is_declaration(Path(given)):
        return read_identity(given)[0]
    check_name("DECLARATION_OR_NAME", given)
    return given


def _runs(name: str, folders: Folders) -> list[Path]:
    """The files of its runs, the last first; there is one."""
    if not folders.environment(name).is_dir():
        there = folders.environment(name).parent
        others = sorted(path.name for path in there.iterdir()) if there.is_dir() else []
        known = f"It has {', '.join(others)}." if others else "It has none. Bring one up first."
        raise StrataError(f"the state folder {folders.root} has no environment {name}. {known}")
    found = run_files(folders.runs(name))
    if not found:
        raise StrataError(f"environment {name}: no run over it was recorded yet. Converge it, then ask again.")
    return found


def _chosen(paths: list[Path], wanted: str) -> Path:
    """The run that is number *wanted* from the last, or that began at a time that begins so."""
    if _NUMBER.fullmatch(wanted):
        found = paths[int(wanted) - 1 : int(wanted)] if int(wanted) else []
    else:
        begins = _NO_DIGIT.sub("", wanted)
        found = [path for path in paths if begins and _NO_DIGIT.sub("", path.stem).startswith(begins)]
    if len(found) == 1:
        return found[0]
    problem = "several runs began then:" if found else "there is no such run. There are"
    raise StrataError(f"--run {wanted}: {problem} {', '.join(path.stem for path in found or paths)}.")


def _format(arguments: argparse.Namespace) -> str:
    """What is asked for, else what the name of the file says, else text."""
    ending = arguments.output.suffix[1:] if arguments.output else ""
    return str(arguments.format or (ending if ending in FORMATS else "text"))


def _content(found: Timeline, written: str, everything: bool) -> str:
    """Libraries of a format are imported where it is asked for."""
    if written == "json":
        from ansible_collections.strata.kvm_docker.plugins.module_utils.timeline.data import timeline_data

        return json.dumps(timeline_data(found), indent=2) + "\n"
    if written in ("html", "svg"):
        from ansible_collections.strata.kvm_docker.cli.formats.timeline_page import timeline_page, timeline_svg

        return timeline_page(found) if written == "html" else timeline_svg(found)
    return lines(timeline_lines(found, everything))
