# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel's table of sockets."""

from __future__ import annotations

from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.sockets import Listener, parse

TABLE = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 9001 1 0 100 0 0 10 0
   1: 0100007F:1F90 0100007F:D431 01 00000000:00000000 00:00000000 00000000     0        0 9002 1 0 20 4 30 10 -1
   2: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 9003 1 0 100 0 0 10 0
"""


def test_only_listening_sockets_are_read_with_port_and_inode() -> None:
    assert list(parse(TABLE)) == [Listener("0100007F", 8080, "9001"), Listener("00000000", 22, "9003")]


def test_an_empty_table_has_no_listeners() -> None:
    assert list(parse(TABLE.splitlines()[0])) == []
