# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The order in which the provider writes a list that it takes for a set. No I/O.

Terraform's SDK sorts the members of a set by the text of their CRC-32 (``schema.Set.List``), and an engine keeps the
order that it is told.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable


def words_in_order(words: Iterable[str]) -> list[str]:
    """A set of texts."""
    return _sorted({word: word for word in words})


def hosts_in_order(hosts: Iterable[str]) -> list[str]:
    """A set of ``name:address``."""
    parted = {host: host.partition(":") for host in hosts}
    return _sorted({host: f"host:{name};ip:{address};" for host, (name, _colon, address) in parted.items()})


def _sorted(serialized: dict[str, str]) -> list[str]:
    return sorted(serialized, key=lambda word: str(zlib.crc32(serialized[word].encode())))
