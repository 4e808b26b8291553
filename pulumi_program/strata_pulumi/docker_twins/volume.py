# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kind ``docker_volume``, and volumes that nobody named -> arguments of ``pulumi_docker.Volume``. No I/O."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.container_creation import Creation
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Declared

from .twin import Twin, given, labels, secret_names

#: All of it: a replacement would lose the data. Whether a change is refused or made with the data is the core's.
_FIXED = ("driver", "driver_opts", "labels")
_SECRET = {"Options": "driver_opts", "Labels": "labels"}


def volume_twin(declared: Declared, creation: Mapping[str, Any]) -> Twin:
    """*creation*: of the *declared* volume, see :func:`docker_volume.create_arguments`."""
    told = {
        "name": creation["name"],
        "driver": creation["driver"],
        "driver_opts": creation["driver_opts"],
        "labels": labels(creation["labels"]),
    }
    arguments = given(told)
    return Twin(
        name=creation["name"],
        arguments=arguments,
        secret=secret_names(declared.sensitive, _SECRET, arguments),
        ignored=_FIXED,
    )


def unnamed_volume_twins(creation: Creation) -> Iterator[Twin]:
    """The volumes that have to be there before the container of *creation*, which has them without naming them."""
    for name, marks in creation.volumes.items():
        yield Twin(name=name, arguments={"name": name, "labels": labels(marks)}, ignored=_FIXED)


def volume_import(name: str) -> str:
    """The id under which a volume that is there is taken over: its name."""
    return name
