# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads a Compose project, from files or from data: normalisation, the typed model. Source: the Compose Specification.

A key that is not supported is an error that names it, never ignored; ``x-`` extensions and the obsolete ``version``
have no effect. Variables come from files ``.env`` beside the Compose file and from nowhere else, so that the same
files mean the same on every machine.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import DeclarationError, Problem
from ..masking import mask_problems
from ..requirements import require
from .check_services import check_services
from .compose import Network, Project
from .compose_files import ComposeFiles, not_a_mapping
from .file_source import read_file_sources
from .located import ComposeTree, Located, compose_tree, from_data
from .node import Findings, Node
from .profiles import active, profiles_of, without_inactive
from .scalars import PROJECT, WORDS
from .service import read_service
from .sources import FilesRead, Sources
from .top_level import read_network, read_volume

KNOWN = ("name", "version", "services", "networks", "volumes", "secrets", "configs", "include")
UNSUPPORTED = {"models": "run the model as a service"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectFile:
    """A project that was read. ``complete``: no value in it is wrong, so that ``project`` has no holes.

    ``profiles``: all that its services name, active or not. ``files``: what was read.
    """

    tree: ComposeTree | None
    project: Project | None
    complete: bool
    profiles: frozenset[str] = frozenset()
    problems: list[Problem] = field(default_factory=list)
    files: FilesRead = field(default_factory=FilesRead)


def read_compose(path: str | Path | Sequence[str | Path], name: str, profiles: Collection[str] = ()) -> Project:
    """The project of the Compose file *path*, or of several, the later ones over the earlier. All mistakes at once.

    *name* is the project's name unless a file has one; *profiles* are the active ones.
    """
    require("ruamel.yaml")
    paths = [path] if isinstance(path, (str, Path)) else path
    found = read_project_file([Path(one).absolute() for one in paths], name, profiles)
    if found.problems or not found.project:
        raise DeclarationError(found.problems)
    return found.project


def read_project(
    tree: Mapping[str, Any],
    name: str,
    folder: str | Path,
    variables: Mapping[str, str] | None = None,
    profiles: Collection[str] = (),
) -> Project:
    """The project of *tree*, data in the form of a Compose file; relative paths in it start at *folder*.

    Without *variables* a ``$`` in it is only a character. Problems have a path and no line. References are checked too.
    """
    require("ruamel.yaml")
    base, files = Path(folder).absolute(), ComposeFiles()
    root = files.complete(from_data(tree, str(base)), variables)
    found = _read(root, name, str(base / "compose.yaml"), files.problems, variables or {}, profiles)
    problems = list(found.problems)
    if found.project and found.tree:
        problems += check_services(name, found.project, Sources(compose={name: found.tree}))
    if problems or not found.project:
        raise DeclarationError(list(dict.fromkeys(problems)))
    return found.project


def read_project_file(paths: Sequence[Path], name: str, profiles: Collection[str] = ()) -> ProjectFile:
    """As :func:`read_compose`, with problems in the result."""
    folder, files = paths[0].parent, ComposeFiles()
    variables = files.variables([folder / ".env"])
    root = files.read(paths, folder, variables)
    if root is None:
        return ProjectFile(tree=None, project=None, complete=False, problems=files.problems)
    found = _read(root, name, str(paths[0]), files.problems, variables, profiles)
    found.files.add(files.read_files)
    return found


def _read(
    root: Located,
    name: str,
    file: str,
    problems: list[Problem],
    variables: Mapping[str, str],
    profiles: Collection[str],
) -> ProjectFile:
    tree, odd = compose_tree(root), not_a_mapping(root)
    if odd:
        return ProjectFile(tree=tree, project=None, complete=False, problems=[*problems, odd])
    findings = Findings(tree=tree, wrong=list(problems))
    top = Node(tree.tree, (), findings, variables).fields(KNOWN, UNSUPPORTED)
    project = _read_project(top, Node(tree.tree, (), findings, variables), name, file, profiles)
    return ProjectFile(
        tree=tree,
        project=project,
        complete=not findings.wrong,
        profiles=frozenset(_all_profiles(top)),
        problems=mask_problems(dict.fromkeys(findings.unknown + findings.wrong), tree.tree, variables),
        files=findings.files,
    )


def _all_profiles(top: Mapping[str, Node]) -> Iterable[str]:
    value = top["services"].value if "services" in top else None
    for key, item in value.items() if isinstance(value, Mapping) else ():
        yield from profiles_of(top["services"].child(key, item))


def _read_project(top: Mapping[str, Node], root: Node, name: str, file: str, profiles: Collection[str]) -> Project:
    project = top["name"].matching(PROJECT, WORDS[PROJECT]) if "name" in top else name
    declared = _part(top, "services")
    if not declared:
        root.wrong("'services' is required, with at least one service")
    running = active(declared, profiles)
    services = {
        key: without_inactive(read_service(key, node, project), node, declared, running)
        for key, node in running.items()
    }
    networks = {key: read_network(key, node, project) for key, node in _part(top, "networks").items()}
    if any("default" in service.networks for service in services.values()):
        networks.setdefault("default", Network(name=f"{project}_default"))
    return Project(
        name=project,
        file=file,
        services=services,
        networks=networks,
        volumes={key: read_volume(key, node, project) for key, node in _part(top, "volumes").items()},
        secrets=read_file_sources(_part(top, "secrets")),
        configs=read_file_sources(_part(top, "configs")),
    )


def _part(top: Mapping[str, Node], section: str) -> dict[str, Node]:
    """Entries of a top-level section, by names that the engine takes as parts of names."""
    entries = top[section].mapping() if section in top else {}
    for key, node in entries.items():
        Node(key, node.path, node.findings).matching(
            r"[A-Za-z0-9][A-Za-z0-9._-]*", "a name of letters, digits, . - and _"
        )
    return entries
