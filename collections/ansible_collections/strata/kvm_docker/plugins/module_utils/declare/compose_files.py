# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a Compose project as one tree: read, with variables, extended, merged and with what they include."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..errors import DeclarationError, Problem
from .dotenv import read_dotenv
from .extends import Extender
from .include import Included, joined, read_includes
from .interpolation import interpolate
from .located import OVERRIDE, RESET, Located, from_yaml, settled
from .merge import merged
from .sources import FilesRead
from .words import shown
from .yaml_file import Where, read_yaml


@dataclass(slots=True, kw_only=True)
class ComposeFiles:
    """Reads files of one project; ``problems`` holds every mistake so far, ``read_files`` what was read."""

    problems: list[Problem] = field(default_factory=list)
    read_files: FilesRead = field(default_factory=FilesRead)

    def read(self, files: Sequence[Path], folder: Path, variables: Mapping[str, str]) -> Located | None:
        """*files*, the later ones over the earlier; relative paths in them start at *folder*."""
        return self._model(files, folder, variables, ())

    def complete(self, root: Located, variables: Mapping[str, str] | None) -> Located:
        """*root*, which came from no file, with what it extends and includes; no *variables*: it has none."""
        resolved = root if variables is None else self._interpolated(root, (), variables)
        extended = self._extended(resolved, "", variables or {})
        return settled(self._with_included(extended, [extended], variables or {}, ()))

    def _model(
        self, files: Sequence[Path], folder: Path, variables: Mapping[str, str], around: tuple[Path, ...]
    ) -> Located | None:
        found = [self._file(path, folder, variables) for path in files]
        roots = [root for root in found if root is not None]
        if not roots:
            return None
        model = settled(roots[0])
        for root in roots[1:]:
            model = merged(model, root, (), self.problems)
        return settled(self._with_included(model, roots, variables, (*around, *files)))

    def _file(self, path: Path, folder: Path, variables: Mapping[str, str]) -> Located | None:
        root = self._raw(path, folder, variables)
        return self._extended(root, str(path), variables) if root is not None else None

    def _raw(self, path: Path, folder: Path, variables: Mapping[str, str]) -> Located | None:
        try:
            yaml, problems = read_yaml(path, (RESET, OVERRIDE))
            self.read_files.texts.add(str(path))
        except DeclarationError as error:
            self.problems.extend(error.problems)
            return None
        self.problems.extend(problems)
        return self._interpolated(from_yaml(yaml, str(folder)), (), variables)

    def _extended(self, root: Located, file: str, variables: Mapping[str, str]) -> Located:
        def load(path: str) -> Located | None:
            if not Path(path).is_file():
                raise FileNotFoundError(path)
            return self._raw(Path(path), Path(path).parent, variables)

        return Extender(load=load, problems=self.problems).extended(root, file)

    def _with_included(
        self, model: Located, roots: Sequence[Located], variables: Mapping[str, str], around: tuple[Path, ...]
    ) -> Located:
        for root in roots:
            for included in read_includes(root, self.problems):
                other = self._included(included, variables, around)
                model = joined(model, other, self.problems) if other is not None else model
        if isinstance(model.value, dict):
            model = model.with_value({key: item for key, item in model.value.items() if key != "include"})
        return model

    def _included(self, found: Included, variables: Mapping[str, str], around: tuple[Path, ...]) -> Located | None:
        """Its own variables stand behind those of the one that includes it."""
        origin = found.entry.origin
        absent = [path for path in (*found.files, *found.env_files) if not path.is_file()]
        again = [path for path in found.files if path in around]
        for message in (
            *(f"there is no file {path}" for path in absent),
            *(f"{path} includes itself" for path in again),
        ):
            self.problems.append(origin.problem(("include",), message))
        if absent or again:
            return None
        own = self.variables(found.env_files or (found.folder / ".env",), variables)
        return self._model(found.files, found.folder, {**own, **variables}, around)

    def variables(self, files: Sequence[Path], outer: Mapping[str, str] | None = None) -> dict[str, str]:
        """Of those of *files* that are there."""
        values: dict[str, str] = {}
        for path in files:
            if path.is_file():
                found, problems = read_dotenv(path, {**values, **(outer or {})})
                values |= found
                self.read_files.variables[str(path)] = frozenset(found)
                self.problems.extend(problems)
        return values

    def _interpolated(self, located: Located, path: Where, variables: Mapping[str, str]) -> Located:
        """With variables put into values (not keys); extensions are left as they are."""
        value = located.value
        if isinstance(value, dict):
            return located.with_value(
                {
                    key: item if key.startswith("x-") else self._interpolated(item, (*path, key), variables)
                    for key, item in value.items()
                }
            )
        if isinstance(value, list):
            items = [self._interpolated(item, (*path, str(index)), variables) for index, item in enumerate(value)]
            return located.with_value(items)
        if not isinstance(value, str) or "$" not in value:
            return located
        try:
            return located.with_value(interpolate(value, variables))
        except ValueError as error:
            self.problems.append(located.origin.problem(path, str(error)))
            return replace(located, unresolved=True)


def not_a_mapping(root: Located) -> Problem | None:
    """What is wrong with a file that is something else."""
    if isinstance(root.value, dict):
        return None
    return root.origin.problem((), f"it must be a mapping with 'services'; it is {shown(root.value)}")
