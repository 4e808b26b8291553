# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks the name server at the first argument for the address of the second (RFC 1035, section 4); prints it."""

from __future__ import annotations

import socket
import sys

name = b"".join(bytes([len(part)]) + part.encode() for part in sys.argv[2].split(".")) + b"\0"
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
    asked.settimeout(5)
    asked.sendto(bytes.fromhex("2a2a01000001000000000000") + name + bytes.fromhex("00010001"), (sys.argv[1], 53))
    answer = asked.recv(512)
print(".".join(map(str, answer[-4:])) if answer[7] else "none")
