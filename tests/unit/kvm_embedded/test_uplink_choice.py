# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The uplink's subnet."""

from __future__ import annotations

from ipaddress import IPv4Network

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import HypervisorError
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.uplink import CANDIDATES, choose, resolver


def test_the_first_candidate_is_taken_where_nothing_overlaps() -> None:
    assert choose([IPv4Network("192.168.1.0/24")]) == CANDIDATES[0]


def test_a_candidate_inside_a_route_of_the_host_is_passed_over() -> None:
    assert choose([IPv4Network("100.126.0.0/16")]) == CANDIDATES[1]


def test_a_host_that_routes_every_candidate_is_refused_with_the_candidates_named() -> None:
    with pytest.raises(HypervisorError, match=r"100\.126\.84\.0/24"):
        choose([IPv4Network("100.64.0.0/10")])


def test_the_resolver_is_the_third_address_of_the_subnet() -> None:
    assert str(resolver(CANDIDATES[0])) == "100.126.84.3"
