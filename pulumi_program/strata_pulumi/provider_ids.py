# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Under which ids a stack knows the networks of engines, which the core may have made anew since.

A program cannot ask what its stack knows, and an ``import_`` of another id than that is a replacement. So the id that
``pulumi_docker`` had is kept in the state folder, one file a network, until a refresh has the provider look for itself.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote, unquote

from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest.files import write_whole
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Key


def read(environment: str, folders: Folders, guest: str) -> Mapping[str, str]:
    """Ids by name of the network, of those on *guest*."""
    files = (_folder(environment, folders) / "docker_network" / guest).glob("*.id")
    return {unquote(file.stem): file.read_text() for file in files}


def keep(environment: str, folders: Folders, key: Key, known: str) -> None:
    """The object of *key* is *known* under this id."""
    file = _file(environment, folders, key)
    file.parent.mkdir(parents=True, exist_ok=True)
    write_whole(file, known.encode(), 0o600)


def forget(environment: str, folders: Folders, key: Key) -> None:
    """Nothing is known of *key*."""
    _file(environment, folders, key).unlink(missing_ok=True)


def forget_all(environment: str, folders: Folders) -> None:
    """The stack that knew them is forgotten."""
    shutil.rmtree(_folder(environment, folders), ignore_errors=True)


def _folder(environment: str, folders: Folders) -> Path:
    return folders.environment(environment) / "provider_ids"


def _file(environment: str, folders: Folders, key: Key) -> Path:
    return _folder(environment, folders) / key.kind / key.guest / f"{quote(key.name, safe='')}.id"
