# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Forwards as declared, and host facts read from text."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.environment import (
    Attachment,
    Environment,
    Guest,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.inputs import Inputs
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.forward import Forward
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.host import parse_routes
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Key, Need


def test_each_published_port_is_a_forward_to_the_guests_first_address() -> None:
    networks = {
        "lan": Attachment(address=IPv4Address("10.80.0.11")),
        "dmz": Attachment(address=IPv4Address("10.81.0.11")),
    }
    web = Guest(name="web", image="debian13", networks=networks, publish={8080: 80, 8404: 8404})
    idle = Guest(name="idle", image="debian13", networks={"lan": Attachment(address=IPv4Address("10.80.0.12"))})
    environment = Environment(name="two_hosts", folder="/", guests={"web": web, "idle": idle})
    declared = {item.key: item for item in Forward().declare(environment, Inputs())}
    assert set(declared) == {Key("forward", "127.0.0.1:8080"), Key("forward", "127.0.0.1:8404")}
    forward = declared[Key("forward", "127.0.0.1:8080")]
    assert forward.spec == {"guest": "web", "address": "10.80.0.11", "port": 80}
    assert forward.needs == (Need(Key("guest", "web")),)


def test_routes_are_read_with_their_device_and_without_the_default() -> None:
    text = (
        '[{"dst":"default","gateway":"192.0.2.1","dev":"eth0"},{"dst":"192.0.2.0/24","dev":"eth0"},{"dst":"10.9.8.7"}]'
    )
    assert list(parse_routes(text)) == [(IPv4Network("192.0.2.0/24"), "eth0"), (IPv4Network("10.9.8.7/32"), "")]


def test_a_machine_without_the_program_has_no_known_routes() -> None:
    assert list(parse_routes("")) == []
