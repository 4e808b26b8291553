# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``docker compose config --format json`` shows of a project, with what it writes in several ways written in one.

Nothing of the reader under test is used here.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from compose_corpus import Case
from environments import REPOSITORY

_SECONDS = {"h": 3600, "m": 60, "s": 1, "ms": 0.001, "µs": 0.000001}
_SIZES = {"k": 1024, "m": 1024**2, "g": 1024**3}
_DURATIONS = ("interval", "timeout", "start_period", "start_interval", "delay", "stop_grace_period")
_NUMBERS = ("memory", "shm_size", "size", "Rate", "cpus")
_CONDITIONS = {"any": "always", "none": "no"}


@cache
def judge() -> str:
    tool = subprocess.run([REPOSITORY / "tools" / "docker-compose"], capture_output=True, text=True, check=True)
    return tool.stdout.strip()


def config(case: Case) -> dict[str, Any] | str:
    """The normalised project, or the message of a refusal."""
    files = [word for file in case.files for word in ("-f", str(file))]
    profiles = [word for profile in case.profiles for word in ("--profile", profile)]
    command = [judge(), *files, *profiles, "config", "--format", "json"]
    shown = subprocess.run(command, capture_output=True, text=True, env={"HOME": "/nonexistent", "PATH": "/usr/bin"})
    if shown.returncode:
        return shown.stderr.strip()
    return normal(json.loads(shown.stdout.replace("$$", "$")), case.folder)


def normal(shown: dict[str, Any], folder: Path) -> dict[str, Any]:
    """*shown* with the values of older keys at one place, and numbers as numbers."""
    project = {key: item for key, item in _numbers(shown).items() if not key.startswith("x-")}
    for name, service in project["services"].items():
        service.setdefault("image", f"{project['name']}-{name}")
        for part in (_deploy, _hardware, _tmpfs, _small):
            part(service)
    for section in ("secrets", "configs"):
        project[section] = {name: _content(item, folder) for name, item in shown.get(section, {}).items()}
    return project


def _numbers(value: Any, key: str = "") -> Any:
    if isinstance(value, dict):
        return {name: _numbers(item, name) for name, item in value.items()}
    if isinstance(value, list):
        return [_numbers(item) for item in value]
    if key in _DURATIONS and isinstance(value, str):
        return sum(float(number) * _SECONDS[unit] for number, unit in re.findall(r"([\d.]+)(h|ms|m|s|µs)", value))
    if (key in _NUMBERS or key.startswith("mem")) and isinstance(value, str) and re.fullmatch(r"-?[\d.]+", value):
        return float(value)
    return value


def _deploy(service: dict[str, Any]) -> None:
    """Into the keys beside it that say the same."""
    deploy = service.pop("deploy", None) or {}
    deploy.pop("mode", None)
    resources = deploy.pop("resources", {})
    limits, reserved = resources.get("limits", {}), resources.get("reservations", {})
    policy = deploy.pop("restart_policy", None)
    service["replicas"] = deploy.pop("replicas", service.pop("scale", 1))
    service.pop("scale", None)
    service["update_config"] = deploy.pop("update_config", None)
    places = (("cpus", limits, "cpus"), ("mem_limit", limits, "memory"), ("pids_limit", limits, "pids"))
    for key, place, name in (*places, ("mem_reservation", reserved, "memory")):
        if name in place:
            service[key] = place.pop(name)
    if policy:
        attempts = f":{policy['max_attempts']}" if "max_attempts" in policy else ""
        service["restart"] = f"{_CONDITIONS.get(policy['condition'], policy['condition'])}{attempts}"
    if any((deploy.pop("placement", None), limits, reserved, deploy)):
        raise AssertionError(f"not compared: {deploy} {limits} {reserved}")


def _hardware(service: dict[str, Any]) -> None:
    mac, networks = service.pop("mac_address", None), service.get("networks") or {}
    if mac:
        first = min(networks, key=lambda name: (-(networks[name] or {}).get("priority", 0), name))
        networks[first] = {**(networks[first] or {}), "mac_address": mac}


def _tmpfs(service: dict[str, Any]) -> None:
    """As mounts, after the others."""
    for entry in service.pop("tmpfs", None) or ():
        target, _colon, written = entry.partition(":")
        options: dict[str, Any] = dict(option.split("=") for option in written.split(",") if option)
        if "size" in options:
            options["size"] = int(options["size"][:-1]) * _SIZES[options["size"][-1]]
        if "mode" in options:
            options["mode"] = int(options["mode"], 8)
        service.setdefault("volumes", []).append({"type": "tmpfs", "target": target, "tmpfs": options})


def _small(service: dict[str, Any]) -> None:
    if (service.get("healthcheck") or {}).pop("disable", False):
        service["healthcheck"] = {"test": ["NONE"]}
    service["ulimits"] = {
        name: limit if isinstance(limit, dict) else {"soft": limit, "hard": limit}
        for name, limit in (service.get("ulimits") or {}).items()
    }
    for key, folder in (("secrets", "/run/secrets/"), ("configs", "/")):
        for reference in service.get(key) or ():
            target = reference.get("target", reference["source"])
            reference["target"] = target if target.startswith("/") else folder + target
    service["extra_hosts"] = sorted(service.get("extra_hosts") or ())
    for endpoint in (service.get("networks") or {}).values():
        if endpoint and "mac_address" in endpoint:
            endpoint["mac_address"] = endpoint["mac_address"].lower()


def _content(item: Mapping[str, Any], folder: Path) -> str:
    if "file" in item:
        return Path(item["file"]).read_text()
    if "environment" not in item:
        return str(item["content"])
    lines = (folder / ".env").read_text().splitlines()
    return next(
        value for name, _equals, value in (line.partition("=") for line in lines) if name == item["environment"]
    )
