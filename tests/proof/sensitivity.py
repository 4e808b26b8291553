# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How much a fingerprint notices: each change of mutations.py must be found, and named by its right path.

Run by `make prove`. Level 3 is taken before and after each change; those of files are made together and told apart by
their paths, as level 4 takes long. Prints the rate, what was missed, and what else was told.
"""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ansible_collections.strata.kvm_docker.plugins.module_utils import naming
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.environment import Environment
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.read import read_document
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import StrataError
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest import access
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.compare import Comparison, compare
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.take import take
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm import processes
from environments import EnvironmentCopy
from mutations import MUTATIONS, Mutation


@dataclass
class Sensitivity:
    """``found``: words of changes that were named by their path. ``missed``: the others, with what was told."""

    found: list[str] = field(default_factory=list)
    missed: dict[str, list[str]] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """Share of the changes that were found."""
        return len(self.found) / (len(self.found) + len(self.missed))

    def judge(self, mutation: Mutation, told: list[str]) -> None:
        """Whether *told*, paths that differ, has the path of *mutation*."""
        if any(re.fullmatch(mutation.path, path, re.DOTALL) for path in told):
            self.found.append(mutation.words)
        else:
            self.missed[mutation.words] = told


def measure(copy: EnvironmentCopy, mutations: Iterable[Mutation] = MUTATIONS) -> Iterator[tuple[str, Sensitivity]]:
    """Make every change in the environment of *copy*, which is up; after each one, what was found so far."""
    mutations = tuple(mutations)
    result = Sensitivity()
    hand = _Hand(copy)
    before = take(copy.declaration, copy.lab.folders, 3)
    for mutation in [each for each in mutations if each.level == 3]:
        problem = hand.make(mutation)
        after = take(copy.declaration, copy.lab.folders, 3)
        result.judge(mutation, problem or _paths(compare(before, after)))
        yield mutation.words, result
        before = after
    before = take(copy.declaration, copy.lab.folders, 4)
    together = [each for each in mutations if each.level == 4]
    problems = [hand.make(mutation) for mutation in together]
    told = _paths(compare(before, take(copy.declaration, copy.lab.folders, 4)))
    for mutation, problem in zip(together, problems, strict=True):
        result.judge(mutation, problem or told)
        yield mutation.words, result


def _paths(comparison: Comparison) -> list[str]:
    return [difference.path for difference in comparison.differences]


@dataclass
class _Hand:
    """Changes things behind the declaration's back."""

    copy: EnvironmentCopy

    def make(self, mutation: Mutation) -> list[str]:
        """Make the change; why it could not be made, in which case it counts as missed."""
        try:
            self._make(mutation)
        except (StrataError, subprocess.CalledProcessError, AssertionError) as error:
            return [f"not made: {error} {getattr(error, 'stderr', '')}"]
        return []

    def _make(self, mutation: Mutation) -> None:
        if mutation.where == "virsh":
            self._virsh(mutation.command.format_map(self._names()))
        elif mutation.where == "edit":
            self._edit(mutation.command)
        elif mutation.where == "forward":
            self._end_forward(*mutation.command.split())
        else:
            shell = access.shell(self._environment.name, mutation.where, self.copy.lab.folders)
            shell.run(mutation.command, timeout=300)

    @property
    def _environment(self) -> Environment:
        return read_document(self.copy.declaration).environment

    def _names(self) -> dict[str, str]:
        environment = self._environment
        return {
            "web": naming.libvirt_name(environment.name, "web"),
            "lan": naming.libvirt_name(environment.name, "lan"),
            "pool": environment.name,
            "mac web": environment.mac(environment.guests["web"], "lan"),
            "subnet": str(environment.networks["lan"].cidr).rpartition(".")[0],
        }

    def _virsh(self, line: str) -> str:
        return self.copy.lab.virsh(*shlex.split(line))

    def _end_forward(self, guest: str, port: str) -> None:
        """End the process that leads to *port* of *guest*."""
        published = self._environment.guests[guest].publish
        folder = self.copy.lab.folders.environment(self._environment.name) / "forwards"
        for outside in (outside for outside, inside in published.items() if inside == int(port)):
            leader = processes.running(folder / f"{outside}.process")
            if leader is None:
                raise AssertionError(f"nothing leads to {port} of {guest}")
            processes.terminate(processes.in_session(leader))

    def _edit(self, expression: str) -> None:
        """Run the definition of the guest through sed(1)."""
        xml = self.copy.lab.virsh("dumpxml", "--inactive", "--security-info", self._names()["web"])
        edited = subprocess.run(["sed", expression], input=xml, capture_output=True, text=True, check=True).stdout
        if edited == xml:
            raise AssertionError(f"{expression} changes nothing")
        file = Path(self.copy.folder.parent) / "edited.xml"
        file.write_text(edited)
        self.copy.lab.virsh("define", str(file))
