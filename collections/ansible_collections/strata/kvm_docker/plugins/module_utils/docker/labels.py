# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Our marks on Docker objects: whose they are, and what was last applied to them. No I/O."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ..naming import LABEL_ADOPTED, LABEL_APPLIED, LABEL_ENVIRONMENT, LABEL_LAYER, LABEL_PREFIX, LABEL_PROJECT
from ..plan.model import Declared
from ..plan.secrets import Seal


def marks(environment: str, made_as: Declared, seal: Seal) -> dict[str, str]:
    """The labels that mark an object as *environment*'s, made as declared; *seal* keeps its secrets."""
    return {LABEL_ENVIRONMENT: environment, LABEL_APPLIED: applied_text(made_as, seal)}


def applied_text(made_as: Declared, seal: Seal) -> str:
    """What a mark says of an object that was made as declared."""
    return json.dumps(seal.close(made_as.spec, made_as.sensitive), sort_keys=True, separators=(",", ":"))


def read_applied(text: str, seal: Seal) -> dict[str, Any] | None:
    """The inverse of :func:`applied_text`, ``None`` where the text cannot be read."""
    try:
        spec = json.loads(text)
    except ValueError:
        return None
    return seal.open(spec) if isinstance(spec, dict) else None


def is_ours(labels: Mapping[str, str] | None, environment: str) -> bool:
    """Whether *labels* carry the mark of *environment*."""
    return (labels or {}).get(LABEL_ENVIRONMENT) == environment


def origin(project: str, by_module: bool) -> dict[str, str]:
    """Labels that say what declares an object: its Compose project, unless it stands by itself, and who made it."""
    return {**({LABEL_PROJECT: project} if project else {}), **({LABEL_LAYER: "docker"} if by_module else {})}


def is_by_module(labels: Mapping[str, str] | None) -> bool:
    """Whether a module of the Docker layer made it."""
    return LABEL_LAYER in (labels or {})


def adopted(labels: Mapping[str, str] | None, environment: str) -> str:
    """Id of the container that one of *environment* took the place of; empty where there was none."""
    return (labels or {}).get(LABEL_ADOPTED, "") if is_ours(labels, environment) else ""


def project_of(labels: Mapping[str, str] | None) -> str:
    """The Compose project that it is of; empty where it stands by itself."""
    return (labels or {}).get(LABEL_PROJECT, "")


def applied(labels: Mapping[str, str] | None, seal: Seal | None = None) -> dict[str, Any] | None:
    """The spec that the object was made as, ``None`` where no readable mark says it.

    Its secrets are :class:`~..plan.secrets.Sealed`; without *seal* there is no telling what they were.
    """
    return read_applied((labels or {}).get(LABEL_APPLIED, "null"), seal or Seal())


def pairs(values: Mapping[str, str] | None) -> dict[str, str]:
    """``{"A": ""}`` -> ``{"A": "A="}``: Docker's own notation, in which an empty value is not an absent one."""
    return {key: f"{key}={value}" for key, value in (values or {}).items()}


def declared_labels(labels: Mapping[str, str] | None) -> dict[str, str]:
    """*labels* without our marks, as :func:`pairs`."""
    return pairs({key: value for key, value in (labels or {}).items() if not key.startswith(LABEL_PREFIX)})


def values(spec: Mapping[str, str] | None) -> dict[str, str]:
    """The inverse of :func:`pairs`."""
    return {key: pair.removeprefix(f"{key}=") for key, pair in (spec or {}).items()}
