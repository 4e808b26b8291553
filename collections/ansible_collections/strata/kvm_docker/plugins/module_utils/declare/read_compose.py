# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads a Compose file: YAML, variables, normalisation, the typed project. Source: the Compose Specification.

A key that is not supported is an error that names it, never ignored; ``x-`` extensions and the obsolete ``version``
have no effect. Variables come from the file ``.env`` beside the Compose file and from nowhere else, so that the same
files mean the same on every machine.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import DeclarationError, Problem
from ..requirements import require
from .compose import IpamConfig, Network, Project, Service, Volume
from .dotenv import read_dotenv
from .file_source import read_configs, read_secrets
from .interpolation import interpolate
from .node import Findings, Node
from .service import read_service
from .yaml_file import YamlFile, read_yaml

_TOP = ("name", "version", "services", "networks", "volumes", "secrets", "configs")
_ADVICE = {"include": "write the services into this file, or give them a guest of their own"}
_PROJECT = r"[a-z0-9][a-z0-9_-]*"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectFile:
    """A Compose file that was read. ``complete``: no value in it is wrong, so that ``project`` has no holes."""

    yaml: YamlFile | None
    project: Project | None
    complete: bool
    problems: list[Problem] = field(default_factory=list)


def read_compose(path: str | Path, name: str) -> Project:
    """The project of the Compose file *path*; *name* is its name unless the file has one. All mistakes at once."""
    require("ruamel.yaml")
    found = read_project_file(Path(path).absolute(), name)
    if found.problems or not found.project:
        raise DeclarationError(found.problems)
    return found.project


def read_project_file(path: Path, name: str) -> ProjectFile:
    """As :func:`read_compose`, with problems in the result."""
    try:
        yaml, problems = read_yaml(path)
    except DeclarationError as error:
        return ProjectFile(yaml=None, project=None, complete=False, problems=list(error.problems))
    dotenv = path.with_name(".env")
    variables, unread = read_dotenv(dotenv) if dotenv.is_file() else ({}, [])
    findings = Findings(yaml=yaml, wrong=[*problems, *unread])
    root = Node(_interpolated(yaml.tree, (), variables, findings), (), findings, variables)
    project = _read_project(root, name, str(path))
    found = findings.unknown + findings.wrong
    return ProjectFile(yaml=yaml, project=project, complete=not findings.wrong, problems=found)


def _interpolated(value: Any, path: tuple[str, ...], variables: Mapping[str, str], findings: Findings) -> Any:
    """*value* with variables put into its values (not keys); extensions are left as they are."""
    if isinstance(value, dict):
        return {
            key: item if key.startswith("x-") else _interpolated(item, (*path, key), variables, findings)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_interpolated(item, (*path, str(index)), variables, findings) for index, item in enumerate(value)]
    if not isinstance(value, str) or "$" not in value:
        return value
    try:
        return interpolate(value, variables)
    except ValueError as error:
        findings.wrong.append(findings.yaml.problem(path, str(error)))
        findings.unresolved.add(path)
        return value


def _read_project(root: Node, name: str, file: str) -> Project:
    top = root.fields(_TOP, _ADVICE)
    project = top["name"].matching(_PROJECT, "lower-case letters, digits, - and _") if "name" in top else name
    services = {key: _service(key, node, project) for key, node in _part(top, "services").items()}
    if not services:
        root.wrong("'services' is required, with at least one service")
    networks = {key: _network(key, node, project) for key, node in _part(top, "networks").items()}
    if any("default" in service.networks for service in services.values()):
        networks.setdefault("default", Network(name=f"{project}_default"))
    return Project(
        name=project,
        file=file,
        services=services,
        networks=networks,
        volumes={key: _volume(key, node, project) for key, node in _part(top, "volumes").items()},
        secrets=read_secrets(_part(top, "secrets")),
        configs=read_configs(_part(top, "configs")),
    )


def _part(top: Mapping[str, Node], section: str) -> dict[str, Node]:
    """Entries of a top-level section, by names that the engine takes as parts of names."""
    entries = top[section].mapping() if section in top else {}
    for key, node in entries.items():
        Node(key, node.path, node.findings).matching(
            r"[A-Za-z0-9][A-Za-z0-9._-]*", "a name of letters, digits, . - and _"
        )
    return entries


def _service(name: str, node: Node, project: str) -> Service:
    files, value = _env_files(node), node.value
    if files is not None:
        value = {**value, "env_file": files}
    return read_service(name, Node(value, node.path, node.findings, node.variables), project)


def _env_files(node: Node) -> dict[str, str] | None:
    """Values of the files of ``env_file``, the later ones over the earlier; none where the service has no such key."""
    written = node.value.get("env_file") if isinstance(node.value, dict) else None
    if written is None:
        return None
    entry = node.child("env_file", written)
    values: dict[str, str] = {}
    for item in entry.items() if isinstance(written, list) else [entry]:
        for path in _env_paths(item):
            found, problems = read_dotenv(path, node.variables)
            values |= found
            node.findings.wrong.extend(problems)
    return values


def _env_paths(node: Node) -> Iterator[Path]:
    """The file of one entry; with ``required: false`` only if it is there."""
    fields = node.fields(("path", "required")) if isinstance(node.value, dict) else {"path": node}
    if "path" not in fields:
        node.wrong("'path' is required")
        return
    path = Path(node.findings.yaml.file).parent / fields["path"].filled()
    if path.is_file():
        yield path
    elif "required" not in fields or fields["required"].boolean():
        node.wrong(f"there is no file {path}")


def _network(key: str, node: Node, project: str) -> Network:
    if node.value is None:
        return Network(name=f"{project}_{key}")
    known = ("name", "driver", "driver_opts", "ipam", "internal", "attachable", "enable_ipv6", "external", "labels")
    fields = node.fields(known)
    external, name = _external(key, node, fields)
    ipam = fields["ipam"].fields(("driver", "config")) if "ipam" in fields else {}
    flags = {flag: fields[flag].boolean() for flag in ("internal", "attachable", "enable_ipv6") if flag in fields}
    return Network(
        name=name or f"{project}_{key}",
        external=external,
        driver=fields["driver"].filled() if "driver" in fields else "bridge",
        driver_opts=fields["driver_opts"].pairs() if "driver_opts" in fields else {},
        ipam_driver=ipam["driver"].filled() if "driver" in ipam else "default",
        ipam=tuple(_ipam_config(item) for item in ipam["config"].items()) if "config" in ipam else (),
        labels=fields["labels"].labels() if "labels" in fields else {},
        **flags,
    )


def _ipam_config(node: Node) -> IpamConfig:
    fields = node.fields(("subnet", "gateway", "ip_range", "aux_addresses"))
    auxiliary = fields["aux_addresses"].mapping() if "aux_addresses" in fields else {}
    return IpamConfig(
        subnet=fields["subnet"].subnet() if "subnet" in fields else None,
        gateway=fields["gateway"].address() if "gateway" in fields else None,
        ip_range=fields["ip_range"].subnet() if "ip_range" in fields else None,
        aux_addresses={name: item.address() for name, item in auxiliary.items()},
    )


def _volume(key: str, node: Node, project: str) -> Volume:
    if node.value is None:
        return Volume(name=f"{project}_{key}")
    fields = node.fields(("name", "driver", "driver_opts", "external", "labels"))
    external, name = _external(key, node, fields)
    return Volume(
        name=name or f"{project}_{key}",
        external=external,
        driver=fields["driver"].filled() if "driver" in fields else "local",
        driver_opts=fields["driver_opts"].pairs() if "driver_opts" in fields else {},
        labels=fields["labels"].labels() if "labels" in fields else {},
    )


def _external(key: str, node: Node, fields: Mapping[str, Node]) -> tuple[bool, str | None]:
    """Whether somebody else makes it, and its name on the engine where that does not follow from the project."""
    name = fields["name"].matching(r"[A-Za-z0-9][A-Za-z0-9_.-]+", "a name for the engine") if "name" in fields else None
    if "external" not in fields or not fields["external"].boolean():
        return False, name
    for other in fields.keys() - {"external", "name"}:
        fields[other].wrong("an external object is made by somebody else; only 'name' may stand beside 'external'")
    return True, name or key
