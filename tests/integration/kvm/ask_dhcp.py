# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sends a DHCPDISCOVER (RFC 2131) from the link of the first argument, as the machine of the second; prints the offer.

A raw socket, because the link has no address: nothing of this machine's network is set up for it.
"""

from __future__ import annotations

import socket
import struct
import sys
import time

#: dnsmasq looks for some seconds whether a dynamic address is really free before it offers it.
TRIES, WAIT = 2, 4.0
TRANSACTION = b"\x53\x54\x52\x41"


def checksum(data: bytes) -> int:
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def discover(mac: bytes) -> bytes:
    """The whole frame; UDP needs no checksum in IPv4."""
    fixed = struct.pack("!4B4sHH16x", 1, 1, 6, 0, TRANSACTION, 0, 0x8000) + mac.ljust(16, b"\0") + bytes(192)
    dhcp = fixed + bytes.fromhex("63825363350101ff")
    udp = struct.pack("!4H", 68, 67, 8 + len(dhcp), 0) + dhcp
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, bytes(4), b"\xff" * 4)
    head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
    return b"\xff" * 6 + mac + b"\x08\x00" + head + udp


def offered(frame: bytes, mac: bytes) -> str | None:
    """The address that *frame* offers to *mac*."""
    dhcp = frame[14 + 20 + 8 :]
    if frame[12:14] != b"\x08\x00" or dhcp[4:8] != TRANSACTION or dhcp[:1] != b"\x02" or dhcp[28:34] != mac:
        return None
    return socket.inet_ntoa(dhcp[16:20])


def main(link: str, mac: bytes) -> str:
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as raw:
        raw.bind((link, 0))
        for _try in range(TRIES):
            raw.send(discover(mac))
            until = time.monotonic() + WAIT
            while (left := until - time.monotonic()) > 0:
                raw.settimeout(left)
                try:
                    found = offered(raw.recv(2048), mac)
                except TimeoutError:
                    break
                if found:
                    return found
    return "none"


print(main(sys.argv[1], bytes.fromhex(sys.argv[2].replace(":", ""))))
