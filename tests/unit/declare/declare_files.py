# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Declarations on disk that the tests of the readers share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.environment import Environment
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.read import read_environment
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import DeclarationError, Problem

#: Stands at the end of the line that a problem is expected in.
MARK = "  # <-"

DECLARATION = """\
plugin: strata.kvm_docker.environment
name: lab
images:
  debian13: {build: {suite: trixie}}
container_images:
  redis:7: {archive: redis.tar}
networks:
  lan:
    cidr: 10.80.0.0/24
guests:
  web:
    image: debian13
    memory: 768 MiB
    networks:
      lan:
        address: 10.80.0.11
    compose: compose.yaml
    publish:
      8080: 80
  db:
    image: debian13
    networks:
      lan: {address: 10.80.0.12}
"""

COMPOSE = """\
services:
  app:
    image: app:1
    ports:
      - "80:8080"
    networks:
      front:
        ipv4_address: 172.30.0.10
    depends_on: [redis]
    healthcheck:
      test: [CMD, "true"]
      interval: 1m30s
    environment:
      GREETING: hello
  redis:
    image: redis:7
    networks: [front]
    volumes:
      - data:/data
networks:
  front:
    ipam:
      config:
        - subnet: 172.30.0.0/24
volumes:
  data:
"""


def marked_line(text: str) -> int:
    """Line of the mark, from 1."""
    return next(number for number, line in enumerate(text.splitlines(), 1) if MARK.strip() in line)


@dataclass
class Folder:
    """A folder with a declaration and a Compose file."""

    path: Path

    def write(self, declaration: str = DECLARATION, compose: str = COMPOSE) -> Path:
        (self.path / "compose.yaml").write_text(compose)
        file = self.path / "lab.environment.yml"
        file.write_text(declaration)
        return file

    def read(self, declaration: str = DECLARATION, compose: str = COMPOSE) -> Environment:
        return read_environment(self.write(declaration, compose))

    def problems(self, declaration: str = DECLARATION, compose: str = COMPOSE) -> tuple[Problem, ...]:
        with pytest.raises(DeclarationError) as caught:
            self.read(declaration, compose)
        return caught.value.problems

    def problem(self, declaration: str = DECLARATION, compose: str = COMPOSE) -> Problem:
        """The only problem."""
        found = self.problems(declaration, compose)
        assert len(found) == 1, "\n".join(str(problem) for problem in found)
        return found[0]
