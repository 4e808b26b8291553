# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes a network that runs, by what ``virsh net-update`` can do; anything else of it takes a restart.

libvirt 9.0 adds and deletes these parts live. It refuses forward mode (with the ports of NAT), bridge, domain and
addresses; for MTU and forwarders it has no word (``enum virNetworkUpdateSection``).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from .mark import to_text

if TYPE_CHECKING:
    import libvirt

#: Leaves and tables of the spec that :func:`update_live` puts right.
LIVE_PARTS = ("ranges", "hosts", "names")
#: What others may have added and it takes out again, as ``edited`` names it.
_LIVE_EDITS = ("dns.txt", "dns.srv", "portgroup", "metadata")


def is_live(edited: Iterable[str]) -> bool:
    """Whether all these edits can be taken back while the network runs."""
    return all(part in _LIVE_EDITS or part.partition(".")[0] in LIVE_PARTS for part in edited)


def update_live(network: libvirt.virNetwork, definition: str) -> None:
    """Have what runs be as *definition* says; what goes, goes first: its address may have a new owner."""
    import libvirt

    live, wanted = ElementTree.fromstring(network.XMLDesc()), ElementTree.fromstring(definition)
    for path, section in _sections().items():
        before, after = _by_text(live.findall(path)), _by_text(wanted.findall(path))
        gone = [before[text] for text in before if text not in after]
        new = [after[text] for text in after if text not in before]
        _send(network, libvirt.VIR_NETWORK_UPDATE_COMMAND_DELETE, section, gone)
        _send(network, libvirt.VIR_NETWORK_UPDATE_COMMAND_ADD_LAST, section, new)


def _sections() -> dict[str, int]:
    import libvirt

    return {
        "ip/dhcp/host": libvirt.VIR_NETWORK_SECTION_IP_DHCP_HOST,
        "ip/dhcp/range": libvirt.VIR_NETWORK_SECTION_IP_DHCP_RANGE,
        "dns/host": libvirt.VIR_NETWORK_SECTION_DNS_HOST,
        "dns/txt": libvirt.VIR_NETWORK_SECTION_DNS_TXT,
        "dns/srv": libvirt.VIR_NETWORK_SECTION_DNS_SRV,
        "portgroup": libvirt.VIR_NETWORK_SECTION_PORTGROUP,
    }


def _by_text(elements: Iterable[Element]) -> dict[str, Element]:
    """Equal ones have equal text: attributes in one order, no space between elements."""
    return {ElementTree.canonicalize(to_text(element), strip_text=True): element for element in elements}


def _send(network: libvirt.virNetwork, command: int, section: int, elements: list[Element]) -> None:
    import libvirt

    for element in elements:
        network.update(command, section, -1, to_text(element), libvirt.VIR_NETWORK_UPDATE_AFFECT_LIVE)
