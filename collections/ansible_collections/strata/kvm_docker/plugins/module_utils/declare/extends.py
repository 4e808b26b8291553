# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``extends``: a service over another one, of the same file or of another (Compose Specification, "extends"). No I/O.

A base may extend another one; a service that leads back to itself is refused.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ..errors import Problem
from .located import Located, settled
from .merge import merged
from .words import shown, unknown_key, unknown_name

_KNOWN = ("service", "file")
#: A file and a service of it.
_Step = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Extender:
    """``load``: reads another file; :class:`FileNotFoundError`, or nothing where its mistakes are told elsewhere."""

    load: Callable[[str], Located | None]
    problems: list[Problem]

    def extended(self, root: Located, file: str) -> Located:
        """*root*, which is *file*, with every service complete."""
        services = root.part("services")
        if not services:
            return root
        full = {name: self._service(name, services, ((file, name),)) for name in services}
        return root.with_value({**root.value, "services": root.value["services"].with_value(full)})

    def _service(self, name: str, services: Mapping[str, Located], steps: tuple[_Step, ...]) -> Located:
        service = services[name]
        if not isinstance(service.value, dict) or "extends" not in service.value:
            return service
        extends = service.value["extends"]
        own = service.with_value({key: item for key, item in service.value.items() if key != "extends"})
        base = self._base(extends, services, steps)
        if base is None:
            return own
        return merged(settled(base), own, ("services", name), self.problems)

    def _base(self, extends: Located, services: Mapping[str, Located], steps: tuple[_Step, ...]) -> Located | None:
        """The service that *extends* names, complete itself."""
        name, path = self._named(extends, steps)
        if not name:
            return None
        file = steps[-1][0]
        if path:
            file = os.path.normpath(os.path.join(extends.origin.folder, path))
            try:
                loaded = self.load(file)
            except FileNotFoundError:
                return self._refuse(extends, steps, f"there is no file {file}")
            if loaded is None:
                return None
            services = loaded.part("services")
        if name not in services:
            where = f" of {file}" if path else ""
            return self._refuse(extends, steps, unknown_name("service", name, tuple(services)) + where)
        if (file, name) in steps:
            circle = " -> ".join(service for _file, service in (*steps, (file, name)))
            return self._refuse(extends, steps, f"services extend each other: {circle}; remove one of these extends")
        return self._service(name, services, (*steps, (file, name)))

    def _named(self, extends: Located, steps: tuple[_Step, ...]) -> tuple[str, str]:
        """Service and file; the file is empty for the same one."""
        if isinstance(extends.value, str) and extends.value:
            return extends.value, ""
        if not isinstance(extends.value, dict):
            self._refuse(extends, steps, f"it must be a service, or service and file; it is {shown(extends.value)}")
            return "", ""
        for key in extends.value.keys() - {*_KNOWN}:
            self._refuse(extends.value[key], steps, unknown_key(key, _KNOWN))
        parts = {key: extends.value[key].value for key in _KNOWN if key in extends.value}
        if not isinstance(parts.get("service"), str) or not isinstance(parts.get("file", ""), str):
            self._refuse(extends, steps, "'service' is required, and 'file' is a path")
            return "", ""
        return parts["service"], parts.get("file", "")

    def _refuse(self, located: Located, steps: tuple[_Step, ...], message: str) -> Located | None:
        """Nothing, which stands for the base that there is not."""
        path = ("services", steps[-1][1], "extends")
        if not located.unresolved:
            self.problems.append(located.origin.problem(path, message))
        return None
