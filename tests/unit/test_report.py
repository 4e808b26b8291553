# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How an environment stands, as rows of a table."""

from __future__ import annotations

from ipaddress import IPv4Address
from types import SimpleNamespace
from typing import Any

from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.environment import Attachment, Guest
from ansible_collections.strata.kvm_docker.plugins.module_utils.report import guest_row


def test_a_published_port_is_an_address_whatever_speaks_there() -> None:
    client = SimpleNamespace(containers=lambda **_asked: [])
    engine: Any = SimpleNamespace(client=client, environment="lab", version=lambda: "26.1.5")
    networks = {"lan": Attachment(address=IPv4Address("10.80.0.11"))}
    row = guest_row(Guest(name="db", image="i", networks=networks, publish={5432: 5432, 8080: 80}), engine)
    assert row["published"] == ["127.0.0.1:5432", "127.0.0.1:8080"]
