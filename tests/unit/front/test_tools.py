# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Makefile and its tools, as far as they can be tried without installing anything."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

CLONE = Path(__file__).parents[3]
NOBODY = 65534


def run(*argv: str, user: int | None = None) -> subprocess.CompletedProcess[str]:
    # `make test` runs us: a make of ours must not take itself for a part of it.
    environment = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL")}
    return subprocess.run(argv, cwd=CLONE, env=environment, text=True, capture_output=True, check=False, user=user)


@pytest.mark.parametrize("target", ["up", "down", "clean", "plan", "test", "molecule", "bench"])
def test_a_target_that_needs_root_says_so_and_does_nothing(target: str) -> None:
    done = run("make", target, user=NOBODY if os.geteuid() == 0 else None)
    assert done.returncode != 0
    assert f'"make {target}" needs root' in done.stderr
    assert done.stdout == ""


def test_help_describes_every_target_that_is_meant_to_be_called() -> None:
    shown = run("make", "help").stdout
    declared = re.findall(r"^\.PHONY: ([\w-]+)$", (CLONE / "Makefile").read_text(), re.MULTILINE)
    assert set(declared) - {"root"} == {line.split()[0] for line in shown.splitlines()}


def test_the_pipeline_calls_make_test_and_nothing_else() -> None:
    lines = (CLONE / ".ci" / "run").read_text().splitlines()
    assert lines[-1] == "exec make test"
    assert os.access(CLONE / ".ci" / "run", os.X_OK)


def test_the_makefile_reads_the_same_list_of_packages_as_the_role() -> None:
    defaults = CLONE / "roles" / "hypervisor" / "defaults" / "main.yml"
    read = run("bash", "-c", ". <(sed -n '/^names()/,/^}/p' tools/system-packages); names hypervisor").stdout.split()
    assert read == yaml.safe_load(defaults.read_text())["hypervisor_packages"]


def test_the_action_group_of_all_modules_has_all_of_them() -> None:
    collection = CLONE / "collections/ansible_collections/strata/kvm_docker"
    groups = yaml.safe_load((collection / "meta" / "runtime.yml").read_text())["action_groups"]
    assert groups["all"] == sorted(path.stem for path in (collection / "plugins" / "modules").glob("*.py"))
    assert {*groups["docker"], *groups["kvm"]} < set(groups["all"])


def test_what_a_role_takes_is_what_its_defaults_give() -> None:
    for role in (CLONE / "roles").iterdir():
        specification = yaml.safe_load((role / "meta" / "argument_specs.yml").read_text())["argument_specs"]["main"]
        defaults = yaml.safe_load((role / "defaults" / "main.yml").read_text())
        optional = {name for name, option in specification["options"].items() if not option.get("required")}
        assert set(defaults) == optional, role.name


def test_packaging_and_collection_agree_on_the_version() -> None:
    galaxy = yaml.safe_load((CLONE / "collections/ansible_collections/strata/kvm_docker/galaxy.yml").read_text())
    assert f'version = "{galaxy["version"]}"' in (CLONE / "pyproject.toml").read_text()
