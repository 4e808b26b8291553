# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the options of a run come to on the engines that it opens, and what its outcome comes to."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils import (
    converge,
    environment_options,
    preparation,
    prepare,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.environment import Environment, Guest
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker import engine
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.inputs import Inputs
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Key, Plan
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.secrets import Seal
from ansible_collections.strata.kvm_docker.plugins.module_utils.progress import Progress
from ansible_collections.strata.kvm_docker.plugins.modules import environment

ENVIRONMENT = Environment(name="lab", folder="/nowhere", guests={"web": Guest(name="web", image="i")})
NOBODY: Any = None


def options(monkeypatch: pytest.MonkeyPatch, folder: Path, **given: Any) -> Any:
    """What the module of *given* options asks for."""
    defaults = {name: spec.get("default") for name, spec in environment.ARGUMENT_SPEC.items()}
    params = {**defaults, "declaration": "/nowhere", "state_folder": str(folder), **given}
    monkeypatch.setattr(environment_options, "converge", lambda declaration, state, options: options)
    return environment_options.converged(params, False, Progress())


@pytest.mark.parametrize(
    ("given", "seconds", "volumes"),
    [({}, 600, False), ({"wait_timeout": 5}, 5, False), ({"wait_timeout": 0, "orphans": "remove"}, 0, True)],
)
def test_an_engine_knows_how_long_to_wait_and_whether_volumes_may_go(
    given: dict[str, Any], seconds: int, volumes: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shell = SimpleNamespace(guest="web")
    monkeypatch.setattr(prepare.ready, "await_shell", lambda *_given: shell)
    monkeypatch.setattr(prepare.ready, "await_engine", lambda *_given: tmp_path)
    monkeypatch.setattr(engine, "connect", lambda *_given: NOBODY)
    hypervisor: Any = SimpleNamespace(folders=Folders(tmp_path))
    run = preparation.Preparation(ENVIRONMENT, hypervisor, options(monkeypatch, tmp_path, **given))
    opened = run._open_engine("web")
    assert (opened.wait_timeout, opened.remove_volumes) == (seconds, volumes)


def test_inputs_are_completed_by_what_no_file_tells() -> None:
    resolved = Inputs(guest_images={"i": "digest"})
    known = prepare.complete_inputs(resolved, authorized_key="ssh-ed25519 AAAA", seal=Seal(b"k" * 32), virt_type="kvm")
    assert (known.guest_images, known.authorized_key, known.virt_type) == ({"i": "digest"}, "ssh-ed25519 AAAA", "kvm")
    assert prepare.complete_inputs(resolved, authorized_key="", seal=Seal()) == resolved


@pytest.mark.parametrize(
    ("orphans", "said"),
    [
        ((), ["slow"]),
        (
            (Key("container", "old-1", "web"), Key("network", "back")),
            ["slow", "no longer declared, and left alone: container web/old-1, network back. " + environment.REMEDY],
        ),
    ],
)
def test_what_is_no_longer_declared_is_named_in_one_warning(orphans: tuple[Key, ...], said: list[str]) -> None:
    warnings: list[str] = []
    module: Any = SimpleNamespace(warn=warnings.append, _diff=False)
    environment.told(module, converge.Outcome(environment="lab", plan=Plan(orphans=orphans), warnings=["slow"]))
    assert warnings == said


def test_a_guest_is_warned_of_whose_engine_nobody_will_look_at() -> None:
    left, both = Plan(unobserved=("web",), left_off=frozenset({Key("guest", "web")})), Plan(unobserved=("apps", "web"))
    said = "guest web: left as it is, so what is on its engine was not looked at."
    assert converge._unseen(left, True) == converge._unseen(left, False) == [said]
    assert converge._unseen(both, True) == []
    assert converge._unseen(both, False) == [said.replace("web", "apps, web")]
