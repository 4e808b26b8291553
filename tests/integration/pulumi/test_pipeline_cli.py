# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The example of a pipeline by Pulumi's own command line, over an environment of networks on a real libvirt."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import kvm_lab
import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.hypervisor import Hypervisor
from declared import Declaration
from environments import REPOSITORY
from pulumi_tools import Project

pytestmark = [pytest.mark.pulumi, pytest.mark.lab]

EXAMPLE = REPOSITORY / "examples/pulumi_pipeline"
STACK = "pipeline-of-a-test"
LAN = {"cidr": "10.214.0.0/24", "forward": "isolated"}
BACK = {"cidr": "10.215.0.0/24"}


@dataclass
class Pipeline:
    declaration: Declaration
    project: Project
    folder: Path

    def declare(self, **networks: object) -> None:
        self.declaration.write(networks=networks, hypervisor={"uri": self.uri})

    uri: str

    def run(self, *argv: str, **more: str) -> subprocess.CompletedProcess[str]:
        environment = self.project.environment() | {
            "STACK": STACK,
            "STRATA_STATE": str(self.declaration.folders.root),
            "FINGERPRINT": str(self.folder / "fingerprint.json"),
            **more,
        }
        return subprocess.run(
            argv, cwd=self.folder, env=environment, text=True, capture_output=True, timeout=300, check=False
        )

    def deploy(self, **more: str) -> subprocess.CompletedProcess[str]:
        return self.run(str(EXAMPLE / "deploy.sh"), str(self.declaration.path), **more)

    def deploy_from_python(self) -> subprocess.CompletedProcess[str]:
        return self.run(sys.executable, str(EXAMPLE / "deploy.py"), str(self.declaration.path), STACK)


@pytest.fixture
def pipeline(hypervisor: Hypervisor, tmp_path: Path) -> Iterator[Pipeline]:
    made = Declaration(path=tmp_path / "lab.environment.yml", folders=hypervisor.folders)
    yield Pipeline(made, Project(tmp_path), tmp_path, hypervisor.uri)
    kvm_lab.remove(hypervisor, "lab")
    (REPOSITORY / f"pulumi_program/Pulumi.{STACK}.yaml").unlink(missing_ok=True)


def networks(hypervisor: Hypervisor) -> set[str]:
    return {found.name() for found in hypervisor.connection.listAllNetworks()}


def test_it_brings_up_keeps_the_fingerprint_and_refuses_to_lose_what_is_no_container(
    pipeline: Pipeline, hypervisor: Hypervisor
) -> None:
    pipeline.declare(lan=LAN, back=BACK)
    first = pipeline.deploy()
    assert first.returncode == 0, first.stdout + first.stderr
    assert networks(hypervisor) == {"lab-lan", "lab-back"}
    assert json.loads((pipeline.folder / "fingerprint.json").read_text())

    pipeline.declare(lan=LAN)
    refused = pipeline.deploy()
    assert refused.returncode == 3, refused.stdout + refused.stderr
    assert "lab/network/back" in refused.stderr
    assert networks(hypervisor) == {"lab-lan", "lab-back"}
    again = pipeline.deploy_from_python()
    assert again.returncode == 3, again.stdout + again.stderr
    assert "lab/network/back" in again.stderr

    agreed = pipeline.deploy(ALLOW_REPLACE="yes")
    assert agreed.returncode == 0, agreed.stdout + agreed.stderr
    assert networks(hypervisor) == {"lab-lan"}


def test_python_shows_each_resource_when_it_is_begun_and_done(pipeline: Pipeline, hypervisor: Hypervisor) -> None:
    pipeline.declare(back=BACK)
    done = pipeline.deploy_from_python()
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [line.split(" s  ")[1] for line in done.stdout.splitlines() if " s  " in line]
    assert {"create lab/network/back ...", "create lab/network/back done"} <= set(lines)
    assert networks(hypervisor) == {"lab-back"}
