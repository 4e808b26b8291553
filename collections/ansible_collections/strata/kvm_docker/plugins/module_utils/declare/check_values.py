# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of values of a service that an engine refuses, or takes otherwise, when half of the work is done. No I/O."""

from __future__ import annotations

import signal
from collections.abc import Iterator

from .compose import Service

Found = Iterator[tuple[tuple[str, ...], str]]

#: Of the kernel, for a host name (hostname(7)).
LONGEST_HOSTNAME = 64
#: The engine's API counts bytes and nanoseconds in 64 bits.
MOST = 2**63 - 1
_NANOSECONDS = 10**9


def check_values(service: Service) -> Found:
    """(path below the service, message) of every mistake."""
    yield from _variables(service)
    yield from _container(service)
    yield from _sizes(service)
    yield from _durations(service)


def _variables(service: Service) -> Found:
    """An engine cuts a pair at its first ``=``."""
    for name in service.environment:
        if not name or "=" in name:
            yield ("environment",), f"{name!r} is no name of a variable: it is empty, or has a = in it"


def _container(service: Service) -> Found:
    hostname = service.hostname or ""
    if len(hostname) > LONGEST_HOSTNAME or any(character.isspace() for character in hostname):
        yield ("hostname",), f"a host name has at most {LONGEST_HOSTNAME} characters and no blanks"
    if service.working_dir and not service.working_dir.startswith("/"):
        yield ("working_dir",), f"{service.working_dir!r} must be a path that starts with /"
    if service.stop_signal and not _is_signal(service.stop_signal):
        yield ("stop_signal",), f"{service.stop_signal!r} is no signal; write it like SIGTERM"
    for name, limit in service.ulimits.items():
        if limit.soft > limit.hard >= 0 or limit.soft < 0 <= limit.hard:
            yield ("ulimits", name), f"the soft limit {limit.soft} is above the hard one, {limit.hard}"
    if any(not mount.target.strip("/") for mount in service.mounts):
        yield ("volumes",), "nothing can be mounted on /; write a folder in it"


def _is_signal(text: str) -> bool:
    """By name with or without ``SIG``, or by number; real-time ones are ``SIGRTMIN+3``."""
    name = text.upper().removeprefix("SIG")
    number = name.partition("+")[0].partition("-")[0]
    return (name.isdecimal() and 0 < int(name) < 65) or f"SIG{number}" in signal.Signals.__members__


def _sizes(service: Service) -> Found:
    for key in ("mem_limit", "mem_reservation", "shm_size"):
        value = getattr(service, key) or 0
        if not 0 <= value <= MOST:
            yield (key,), f"{value} bytes cannot be given to a container; write it like 256m, or leave the key out"


def _durations(service: Service) -> Found:
    check = service.healthcheck
    written: dict[tuple[str, ...], float | None] = {
        ("stop_grace_period",): service.stop_grace_period,
        ("deploy", "update_config", "delay"): service.update_config.delay,
        **{("healthcheck", key): getattr(check, key) for key in ("interval", "timeout", "start_period") if check},
    }
    for path, seconds in written.items():
        if seconds and seconds * _NANOSECONDS > MOST:
            yield path, "is longer than an engine can count, which is 292 years"
