# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kind ``docker_network`` -> arguments of ``pulumi_docker.Network``. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Declared, Observed

from .twin import Twin, given, labels, secret_names

#: An engine changes nothing of a network, and all of a declaration is in the mark, so that labels tell every change.
_FIXED = ("attachable", "driver", "internal", "ipam_configs", "ipam_driver", "ipv6", "options")
_IPAM = {"Subnet": "subnet", "Gateway": "gateway", "IPRange": "ip_range", "AuxiliaryAddresses": "aux_address"}
_SECRET = {"Options": "options", "Labels": "labels"}


def network_twin(declared: Declared, creation: Mapping[str, Any]) -> Twin:
    """*creation*: of the *declared* network, see :func:`docker_network.create_arguments`."""
    ipam = creation["ipam"]
    told = {
        "name": creation["name"],
        "driver": creation["driver"],
        "options": creation["options"],
        "internal": creation["internal"],
        "attachable": creation["attachable"],
        "ipv6": creation["enable_ipv6"],
        "ipam_driver": ipam["Driver"],
        "ipam_configs": [{_IPAM[leaf]: value for leaf, value in config.items()} for config in ipam["Config"]],
        "labels": labels(creation["labels"]),
    }
    arguments = given(told)
    return Twin(
        name=creation["name"],
        arguments=arguments,
        secret=secret_names(declared.sensitive, _SECRET, arguments),
        ignored=_FIXED,
    )


def network_import(observed: Observed) -> str:
    """The id under which a network that is there is taken over: the engine's."""
    return str(observed.handle)
