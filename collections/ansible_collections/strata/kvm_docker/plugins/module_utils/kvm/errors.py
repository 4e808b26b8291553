# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Translates what libvirt raises into the family of errors of the core."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from ..errors import HypervisorError

_T = TypeVar("_T")


@contextmanager
def libvirt_errors(what: str) -> Iterator[None]:
    """Raise :class:`HypervisorError` in place of what libvirt or the file system raises: *what* (the object), then
    their own words."""
    import libvirt

    try:
        yield
    except libvirt.libvirtError as error:
        raise HypervisorError(f"{what}: {error.get_error_message() or error}") from error
    except OSError as error:
        raise HypervisorError(f"{what}: {error}") from error


def unless_gone(ask: Callable[..., _T], *arguments: object) -> _T | None:
    """What *ask* (one of libvirt's lookups, or a question to an object) answers; ``None`` where there is no such object
    or no longer."""
    import libvirt

    absent = (
        libvirt.VIR_ERR_NO_DOMAIN,
        libvirt.VIR_ERR_NO_NETWORK,
        libvirt.VIR_ERR_NO_STORAGE_POOL,
        libvirt.VIR_ERR_NO_STORAGE_VOL,
    )
    try:
        return ask(*arguments)
    except libvirt.libvirtError as error:
        if error.get_error_code() in absent:
            return None
        raise
