# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of the module ``container`` -> a Compose project, and what one call asks of its engine."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..declare.compose import Project
from ..declare.read_compose import read_compose, read_project
from ..declare.scalars import PROJECT, WORDS
from ..errors import DeclarationError, Problem
from ..plan.model import Observed
from ..requirements import require
from .docker_layer import Request
from .layer import ONLY

#: Options that are sections of a Compose file.
SECTIONS = ("services", "networks", "volumes", "secrets", "configs")

_FILE = "options"
_KINDS = ("docker_network", "docker_volume", "container")


def request_of(params: Mapping[str, Any]) -> Request:
    """What *params* ask for. Raises :class:`DeclarationError` with every mistake."""
    state, folder = params["state"], Path(params["project_folder"] or ".").absolute()
    if not re.fullmatch(PROJECT, params["project_name"]):
        raise _wrong("project_name", f"it must be {WORDS[PROJECT]}")
    absent = state == "absent"
    return Request(
        project=Project(name=params["project_name"], file="") if absent else project_of(params, folder),
        kinds=_KINDS if absent else ("image", *_KINDS),
        speaks_for=_speaks_for(params),
        files=folder,
        absent=absent,
        remove_orphans=params["orphans"] == "remove" and state == "present",
        remove_volumes=params["remove_volumes"],
        running=state != "stopped",
        only=ONLY.get(state),
        wait=params["wait"],
        wait_timeout=params["wait_timeout"],
    )


def project_of(params: Mapping[str, Any], folder: Path) -> Project:
    """The project of the options, or of the files that they name."""
    require("ruamel.yaml")
    name = params["project_name"]
    if not params["files"]:
        tree = {section: params[section] for section in SECTIONS if params[section] is not None}
        try:
            return read_project(tree, name, folder, profiles=params["profiles"])
        except DeclarationError as error:
            raise DeclarationError([_of_options(problem) for problem in error.problems]) from error
    project = read_compose([folder / file for file in params["files"]], name, params["profiles"])
    if project.name != name:
        raise _wrong("project_name", f"it is {name!r}, and the file says name: {project.name}; make them one")
    return project


def _speaks_for(params: Mapping[str, Any]) -> Callable[[Observed], bool]:
    """What was made for the project is its own, declared or not; its volumes go only where that was asked for."""
    removing = params["state"] == "absent" or params["orphans"] == "remove"
    kept = removing and not params["remove_volumes"]

    def speaks_for(item: Observed) -> bool:
        own = item.owned and item.project == params["project_name"]
        return own and not (kept and item.key.kind == "docker_volume")

    return speaks_for


def _of_options(problem: Problem) -> Problem:
    """*problem* of data that came from no file; that of a file which the options name stays its own."""
    return problem if problem.file else replace(problem, file=_FILE)


def _wrong(option: str, message: str) -> DeclarationError:
    return DeclarationError([Problem(_FILE, 0, option, message)])
