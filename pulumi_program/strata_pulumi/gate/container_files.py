# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The resource ``strata:index:ContainerFiles``: secrets and configs of a container, as files on its guest. No I/O here.

Their names carry digests of their content, so other content is other files; contents themselves are not given, but read
from the declaration.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from ansible_collections.strata.kvm_docker.plugins.module_utils.docker import file_mounts
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Key

from .option import Failure, Option, check, declaration, moved, part_of_id, wrong_object
from .properties import Properties
from .resource import Difference, Output

TYPE = "strata:index:ContainerFiles"


def _wrong_files(value: list[object]) -> str | None:
    paths = [path for path in value if isinstance(path, str) and file_mounts.is_in_folder(path)]
    folders = {PurePosixPath(path).parent for path in paths}
    one_folder = len(paths) == len(value) and len(folders) == 1
    return None if one_folder else f"paths of files in one folder {file_mounts.ROOT}/PROJECT/CONTAINER"


INPUTS = (
    declaration("Absolute path of the declaration, which has their contents."),
    part_of_id("environment", "Name of the environment that the guest is of."),
    part_of_id("guest", "Name of the guest in its environment."),
    part_of_id("name", "Name of the container on the guest's engine.", wrong=wrong_object),
    Option(
        name="files",
        type="array",
        items="string",
        required=True,
        wrong=_wrong_files,
        about="Their paths on the guest; the names carry keyed digests of their content.",
    ),
)

OUTPUTS: Mapping[str, Output] = {
    "edited": Output(
        type="object",
        items="string",
        about="Those that are not as they were written at the last refresh, by path: `changed` or `missing`.",
    ),
    "problem": Output(about="Why they could not be looked at at the last refresh, else empty."),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """Which files of which container."""

    declaration: str
    environment: str
    guest: str
    name: str
    files: frozenset[str]

    @property
    def id(self) -> str:
        return f"{self.environment}/{self.guest}/{self.name}"

    @property
    def key(self) -> Key:
        return Key("container", self.name, self.guest)

    @property
    def folder(self) -> PurePosixPath:
        return PurePosixPath(min(self.files)).parent


def aim(given: Properties) -> Aim:
    """What the checked inputs *given* are about."""
    return Aim(
        declaration=given.text("declaration"),
        environment=given.text("environment"),
        guest=given.text("guest"),
        name=given.text("name"),
        files=frozenset(given.known["files"]),
    )


def checked(given: Properties) -> list[Failure]:
    """All that is wrong with what is *given*."""
    return check(INPUTS, given)


def written(given: Properties, edited: Mapping[str, str]) -> Properties:
    """What they have; *edited*: state of those that are not as they were written, by path."""
    return Properties(known={**given.known, "edited": dict(edited), "problem": ""}, unknown=given.unknown)


def troubled(given: Properties, state: Properties, why: str) -> Properties:
    """The *state* of files that cannot be looked at; the first line of *why* says why."""
    return Properties(known={**written(given, {}).known, **state.known, "problem": why.partition("\n")[0]})


def diff(before: Properties, state: Properties, given: Properties) -> dict[str, Difference]:
    """What changes from the inputs *before* and the *state* to what is *given*, by property."""
    changed = moved(INPUTS, before, given).values()
    found = {
        option.name: Difference(replaces=option.effect == "replace") for option in changed if option.effect != "nothing"
    }
    return found | {name: Difference(of_input=False) for name in OUTPUTS if state.known.get(name)}
