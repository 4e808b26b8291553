# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Argument specifications that follow from the models."""

from __future__ import annotations

from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.environment import Guest, GuestNetwork
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.option_spec import option_spec


def test_a_field_without_a_default_is_required_and_plain_defaults_are_the_models_own() -> None:
    spec = option_spec(GuestNetwork)
    assert spec["cidr"] == {"type": "str", "required": True}
    assert spec["autostart"] == {"type": "bool", "default": True}
    assert spec["mtu"] == {"type": "int"}
    choices = ["nat", "route", "open", "isolated"]
    assert spec["forward"] == {"type": "str", "choices": choices, "default": "nat"}


def test_models_in_models_are_suboptions_and_lists_have_elements() -> None:
    spec = option_spec(GuestNetwork)
    assert spec["dns"]["options"]["forwarders"] == {"type": "list", "elements": "str"}
    ranges = spec["dhcp"]["options"]["ranges"]
    assert (ranges["type"], ranges["elements"]) == ("list", "dict")
    assert ranges["options"]["start"] == {"type": "str", "required": True}
    assert spec["dhcp"]["options"]["hosts"] == {"type": "dict"}


def test_sizes_are_text_without_a_default_and_fields_can_be_left_out() -> None:
    spec = option_spec(Guest, leave_out=("name",))
    assert "name" not in spec
    assert spec["memory"] == {"type": "str"}
    assert spec["vcpus"] == {"type": "int", "default": 1}
