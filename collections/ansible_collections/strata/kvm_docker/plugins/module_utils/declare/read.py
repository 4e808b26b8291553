# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads a declaration and the Compose files that it names, and reports every mistake in them at once."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import DeclarationError, Problem
from ..masking import mask_problems
from ..requirements import require
from .check_services import check_services
from .checks import check
from .environment import Environment
from .facts import HostFacts
from .read_compose import ProjectFile, read_project_file
from .sources import Sources
from .words import FILLED, keys_at, location, message, unknown_key, unknown_name
from .yaml_file import YamlFile, read_yaml

if TYPE_CHECKING:
    from pydantic import TypeAdapter

PLUGIN = "strata.kvm_docker.environment"


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A declaration that was read: its model, and beside it where everything in it stands."""

    environment: Environment
    sources: Sources = field(repr=False)

    def problems(self, host: HostFacts | None = None) -> list[Problem]:
        """What :func:`check` finds, with the facts of the *host* that is to run it."""
        return check(self.environment, host, self.sources)


def read_environment(path: str | Path) -> Environment:
    """The environment of a declaration and its Compose files; :class:`DeclarationError` holds every mistake."""
    return read_document(path).environment


def read_document(path: str | Path) -> Document:
    """As :func:`read_environment`, with the lines, for checks that come later."""
    written = _read_written(path)
    compose = {
        name: read_project_file(files, name, _profiles(written, name))
        for name, files in _compose_files(written).items()
    }
    problems = written.problems + [problem for file in compose.values() for problem in file.problems]
    problems += [problem for name, file in compose.items() for problem in _unknown_profiles(written, name, file)]
    sources = Sources(
        declaration=written.yaml, compose={name: file.tree for name, file in compose.items() if file.tree is not None}
    )
    for file in compose.values():
        sources.files.add(file.files)
    for name, file in compose.items():
        problems += check_services(name, file.project, sources) if file.project and not file.complete else ()
    environment = _with_projects(written.environment, compose)
    if environment is not None:
        problems += check(environment, None, sources)
    if problems or environment is None:
        trees = [file.tree.tree for file in compose.values() if file.tree is not None]
        raise DeclarationError(mask_problems(dict.fromkeys(problems), written.yaml.tree, *trees))
    return Document(environment=environment, sources=sources)


def read_guests(path: str | Path) -> Environment:
    """The declaration alone, without its Compose files: all that an inventory needs."""
    written = _read_written(path)
    problems = written.problems
    environment = _with_projects(written.environment, {})
    if environment is not None:
        problems += check(environment, None, Sources(declaration=written.yaml))
    if problems or environment is None:
        raise DeclarationError(list(dict.fromkeys(problems)))
    return environment


def read_identity(path: str | Path) -> tuple[str, str]:
    """Name and hypervisor URI of a declaration, all that removing it needs; the rest may have mistakes."""
    require("pydantic", "ruamel.yaml")
    yaml, _problems = read_yaml(Path(path).absolute())
    tree = yaml.tree if isinstance(yaml.tree, dict) else {}
    hypervisor = tree.get("hypervisor")
    kept = {"name": tree.get("name"), "folder": "/", **({"hypervisor": hypervisor} if "hypervisor" in tree else {})}
    environment, problems = validated(yaml, kept)
    if environment is None:
        raise DeclarationError(problems)
    return environment.name, environment.hypervisor.uri


@dataclass(frozen=True, slots=True, kw_only=True)
class _Written:
    """A declaration without its Compose files; ``environment`` is absent where a value in it is wrong."""

    yaml: YamlFile
    environment: Environment | None
    problems: list[Problem]


def _read_written(path: str | Path) -> _Written:
    require("pydantic", "ruamel.yaml")
    file = Path(path).absolute()
    yaml, problems = read_yaml(file)
    if not isinstance(yaml.tree, dict):
        raise DeclarationError([Problem(str(file), 1, "", "must be a mapping with plugin, name, networks and guests")])
    tree, header = _prepared(yaml, file)
    environment, wrong = validated(yaml, tree)
    found = mask_problems(problems + header + wrong, yaml.tree)
    return _Written(yaml=yaml, environment=environment, problems=found)


def _prepared(yaml: YamlFile, file: Path) -> tuple[dict[str, Any], list[Problem]]:
    """The tree with what the reader fills in, and without the plugin's name."""
    tree = deepcopy(yaml.tree)
    problems = _header(yaml, tree.pop("plugin", None))
    problems += _taken(yaml, tree, (), "folder", "Environment")
    tree["folder"] = str(file.parent)
    guests = tree.get("guests")
    for name, guest in guests.items() if isinstance(guests, dict) else ():
        if isinstance(guest, dict):
            problems += _taken(yaml, guest, ("guests", name), "name", "Guest")
            guest["name"] = name
    return tree, problems


def _header(yaml: YamlFile, plugin: Any) -> list[Problem]:
    if plugin == PLUGIN:
        return []
    wrong = "is required" if plugin is None else f"must be {PLUGIN}; it is {plugin!r}"
    return [yaml.problem(("plugin",), f"{wrong}; write plugin: {PLUGIN}" if plugin is None else wrong)]


def _taken(yaml: YamlFile, mapping: dict[str, Any], path: tuple[str, ...], key: str, model: str) -> list[Problem]:
    """Fields that the reader fills in are unknown to the one who writes."""
    if key not in mapping:
        return []
    known = keys_at(Environment, path) - FILLED[model]
    return [yaml.problem((*path, key), unknown_key(key, known))]


def validated(yaml: YamlFile | Sources, tree: dict[str, Any]) -> tuple[Environment | None, list[Problem]]:
    """The model of *tree*; where nothing is wrong but unknown keys, a model without them, so that checks go on."""
    from pydantic import ValidationError

    problems: list[Problem] = []
    while True:
        try:
            return _adapter().validate_json(json.dumps(tree)), problems
        except ValidationError as error:
            details = error.errors(include_url=False)
        problems += [_problem(yaml, detail) for detail in details if not _repeats_key(detail)]
        unknown = [detail["loc"] for detail in details if detail["type"] == "unexpected_keyword_argument"]
        if len(unknown) < len(details):
            return None, problems
        for path in unknown:
            _remove(tree, path)


def _problem(yaml: YamlFile | Sources, detail: Any) -> Problem:
    return yaml.problem(location(detail), message(detail, Environment))


def _repeats_key(detail: Any) -> bool:
    """A guest's name is its key, about which the same is found."""
    return tuple(detail["loc"][:1]) == ("guests",) and tuple(detail["loc"][2:]) == ("name",)


def _remove(tree: Any, path: tuple[int | str, ...]) -> None:
    for part in path[:-1]:
        tree = tree[part]
    del tree[path[-1]]


@cache
def _adapter() -> TypeAdapter[Environment]:
    from pydantic import TypeAdapter

    return TypeAdapter(Environment)


def _guests(written: _Written) -> dict[str, dict[str, Any]]:
    """Also of a declaration with mistakes."""
    guests = written.yaml.tree.get("guests")
    return {
        name: guest for name, guest in (guests if isinstance(guests, dict) else {}).items() if isinstance(guest, dict)
    }


def _compose_files(written: _Written) -> dict[str, list[Path]]:
    """Guest -> its Compose files, as far as all of them are there."""
    folder = Path(written.yaml.file).parent
    found: dict[str, list[Path]] = {}
    for name, guest in _guests(written).items():
        paths = [folder / path for path in _texts(guest.get("compose"))]
        absent = [path for path in paths if not path.is_file()]
        for path in absent:
            message = f"there is no file {path}; write the Compose file's path"
            written.problems.append(written.yaml.problem(("guests", name, "compose"), message))
        if paths and not absent:
            found[name] = paths
    return found


def _texts(value: Any) -> list[str]:
    """What is written as one or as a list; of another form the model tells."""
    return [item for item in (value if isinstance(value, list) else [value]) if isinstance(item, str) and item]


def _profiles(written: _Written, guest: str) -> list[str]:
    return _texts(_guests(written)[guest].get("profiles"))


def _unknown_profiles(written: _Written, guest: str, file: ProjectFile) -> Iterator[Problem]:
    for index, name in enumerate(_profiles(written, guest)):
        if name not in file.profiles:
            message = unknown_name("profile", name, sorted(file.profiles))
            yield written.yaml.problem(("guests", guest, "profiles", str(index)), message)


def _with_projects(environment: Environment | None, compose: Mapping[str, ProjectFile]) -> Environment | None:
    if environment is None:
        return None
    projects = {name: file.project for name, file in compose.items() if file.complete}
    guests = {name: replace(guest, compose=projects.get(name)) for name, guest in environment.guests.items()}
    return replace(environment, guests=guests)
