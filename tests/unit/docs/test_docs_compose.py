# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/compose.md against the reader: what is understood, and what is refused, in the words of its message."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare import (
    build,
    deploy,
    devices,
    endpoints,
    env_file,
    file_source,
    mounts,
    ports,
    read_compose,
    service,
    top_level,
)
from pages import page

PAGE = page("compose.md")
UNDERSTOOD: Mapping[str, Iterable[str]] = {
    "top level": read_compose.KNOWN,
    "service": service.KNOWN,
    "`build`": build.KNOWN,
    "`deploy`": deploy.KNOWN,
    "`deploy.update_config`": deploy.UPDATE,
    "`deploy.resources.limits`": deploy.LIMITS,
    "`deploy.resources.reservations`": deploy.RESERVATIONS,
    "`deploy.restart_policy`": deploy.RESTART,
    "`healthcheck`": service.HEALTHCHECK,
    "`depends_on`, long": service.DEPENDENCY,
    "`env_file`, long": env_file.KNOWN,
    "`ports`, long": ports.KNOWN,
    "`volumes` of a service, long": mounts.KNOWN,
    **{f"its `{kind}`": keys for kind, keys in mounts.OPTIONS.items()},
    "`networks` of a service, long": endpoints.READERS,
    "`secrets`, `configs` of a service, long": service.FILE_REFERENCE,
    "`devices`, long": devices.KNOWN,
    "`blkio_config`": devices.BLKIO,
    "`networks`": top_level.NETWORK,
    "`networks.ipam`": top_level.IPAM,
    "`networks.ipam.config`": top_level.IPAM_CONFIG,
    "`volumes`": top_level.VOLUME,
    "`volumes.x-strata`": top_level.VOLUME_EXTENSION,
    "`secrets`, `configs`": file_source.KNOWN,
}
REFUSED: Mapping[str, Mapping[str, str]] = {
    "top level": read_compose.UNSUPPORTED,
    "service": service.UNSUPPORTED,
    "`build`": build.UNSUPPORTED,
    "`deploy`": deploy.UNSUPPORTED,
    "`deploy.update_config`": deploy.UPDATE_UNSUPPORTED,
    "`deploy.resources.reservations`": deploy.RESERVATIONS_UNSUPPORTED,
    "`deploy.restart_policy`": deploy.RESTART_UNSUPPORTED,
    "`volumes` of a service": {
        **mounts.UNSUPPORTED,
        **{key: advice for options in mounts.REFUSED_OPTIONS.values() for key, advice in options.items()},
    },
    "`type` of a volume": mounts.REFUSED_TYPES,
    "`networks` of a service": endpoints.UNSUPPORTED,
    "`networks.ipam`": top_level.IPAM_UNSUPPORTED,
    "`secrets`, `configs`": file_source.UNSUPPORTED,
}


def test_the_page_tells_exactly_the_keys_that_are_understood() -> None:
    rows = [row for row in PAGE.rows("What is understood") if row[0] != "where"]
    assert {where: set(keys.replace("`", "").split()) for where, keys in rows} == {
        where: set(keys) for where, keys in UNDERSTOOD.items()
    }


def test_the_page_tells_what_is_refused_in_the_words_of_the_message() -> None:
    rows = [row for row in PAGE.rows("What is refused") if row[0] != "where"]
    assert {(where, key.strip("`"), advice) for where, key, advice in rows} == {
        (where, key, advice) for where, keys in REFUSED.items() for key, advice in keys.items()
    }


@pytest.mark.parametrize("where", [where for where in REFUSED if where in UNDERSTOOD])
def test_no_key_is_both(where: str) -> None:
    assert set(UNDERSTOOD[where]).isdisjoint(REFUSED[where])
