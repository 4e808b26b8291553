# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A declaration in a folder of its own, and its objects as a program gives them to ``strata:index:Object``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.strata.kvm_docker.plugins.module_utils import seal_key
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.read import read_environment
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest import access
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Declared
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.show import plain
from ansible_collections.strata.kvm_docker.plugins.module_utils.prepare import complete_inputs
from ansible_collections.strata.kvm_docker.plugins.module_utils.resolve import resolve
from ansible_collections.strata.kvm_docker.plugins.module_utils.resources import declared

TREE: dict[str, Any] = {
    "plugin": "strata.kvm_docker.environment",
    "name": "lab",
    "networks": {"lan": {"cidr": "10.211.0.0/24", "forward": "isolated"}},
}


@dataclass(frozen=True, kw_only=True)
class Declaration:
    """A declaration that tests write anew."""

    path: Path
    folders: Folders

    def write(self, **sections: Any) -> None:
        self.path.write_text(yaml.safe_dump({**TREE, **sections}))

    def item(self, kind: str, name: str, guest: str = "") -> Declared:
        """An object as it is declared now."""
        environment = read_environment(self.path)
        inputs = complete_inputs(
            resolve(environment, self.folders),
            authorized_key=access.have_keys(environment, self.folders).public_key,
            seal=seal_key.find(environment.name, self.folders),
        )
        found = {item.key.name: item for item in declared([kind], environment, inputs) if item.key.guest == guest}
        return found[name]

    def given(self, kind: str, name: str, guest: str = "", **more: Any) -> dict[str, Any]:
        """The inputs of that object."""
        place = {"environment": "lab", "kind": kind, "name": name, **({"guest": guest} if guest else {})}
        return {"declaration": str(self.path), **place, "spec": plain(self.item(kind, name, guest).spec), **more}
