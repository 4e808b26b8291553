# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A declaration with an outside input of every kind, as files, and a store with what its recipes led to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.environment import (
    ContainerImageBuild,
    ImageBuild,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest import container_archive, image_build, image_store
from image_archives import docker_archive

DECLARATION = """\
plugin: strata.kvm_docker.environment
name: lab
images:
  debian13: {build: {suite: trixie}}
container_images:
  packed:1: {archive: packed.tar}
  made:1: {build: {suite: trixie, packages: [redis]}}
networks: {lan: {cidr: 10.80.0.0/24}}
guests:
  web:
    image: debian13
    networks: {lan: {address: 10.80.0.11}}
    compose: compose/compose.yaml
"""
COMPOSE = """\
services:
  app:
    build: {context: ../app}
    env_file: app.env
    environment: {API_TOKEN: tok-4711-inline}
    secrets: [key, inline]
    configs: [conf]
  packed: {image: "packed:1"}
  made: {image: "made:1"}
  pulled: {image: "redis:${TAG}"}
secrets:
  key: {file: key.txt}
  inline:
    content: |
      first line of a secret
      second line of a secret
configs:
  conf: {file: app.conf}
"""
PACKAGES = {"docker.io": "26.1.5", "containerd": "1.7.24", "runc": "1.1.15", "acl": "2.3.2"}


@dataclass(frozen=True)
class Lab:
    """``root``: of the declaration's folder and of the state folder."""

    root: Path

    @property
    def declaration(self) -> Path:
        return self.root / "lab" / "lab.environment.yml"

    @property
    def lock(self) -> Path:
        return self.declaration.with_suffix(".lock")

    @property
    def folders(self) -> Folders:
        return Folders(self.root / "state")

    def write(self, name: str, text: str) -> None:
        path = self.declaration.parent / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def replace(self, name: str, old: str, new: str) -> None:
        path = self.declaration.parent / name
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))

    def on_test_driver(self, name: str = "lab") -> None:
        """Have the environment *name* on libvirt's test driver, which is empty and gone with the process."""
        driver = "hypervisor: {uri: 'test:///default', virt_type: qemu}"
        self.replace("lab.environment.yml", "name: lab\n", f"name: {name}\n{driver}\n")

    def pack(self, content: bytes) -> str:
        """The archive of ``packed:1``; the image's id."""
        return docker_archive(self.declaration.parent / "packed.tar", [(("packed:1",), content)])[0]

    def build_guest_image(self, content: bytes = b"disk", **packages: str) -> str:
        """The digest of what the recipe of ``debian13`` leads to."""
        recipe = image_build.recipe_digest(ImageBuild(suite="trixie"))
        with image_store.making(self.folders, recipe) as staging:
            for name in (image_store.DISK, image_store.KERNEL, image_store.INITRD):
                (staging / name).write_bytes(name.encode() + content)
            found = image_store.store(self.folders, recipe, staging, cmdline="quiet", packages={**PACKAGES, **packages})
        return found.digest

    def make_archive(self, content: bytes = b"made") -> str:
        """The archive of ``made:1`` in the store; the image's id."""
        recipe = container_archive.recipe_digest("made:1", ContainerImageBuild(suite="trixie", packages=("redis",)))
        path = container_archive.archive_path(self.folders, recipe)
        path.parent.mkdir(parents=True, exist_ok=True)
        return docker_archive(path, [(("made:1",), content)])[0]

    def fill_store(self) -> None:
        """With what both recipes lead to."""
        self.build_guest_image()
        self.make_archive()


def make_lab(root: Path) -> Lab:
    """All files; nothing is in the store yet."""
    lab = Lab(root)
    lab.write("lab.environment.yml", DECLARATION)
    lab.write("compose/compose.yaml", COMPOSE)
    lab.write("compose/.env", "TAG=7\n")
    lab.write("compose/app.env", "DB_PASSWORD=hunter2-in-env\nMODE=fast\n")
    lab.write("compose/key.txt", "key-in-a-file-0815\n")
    lab.write("compose/app.conf", "workers 4\n")
    lab.write("app/Dockerfile", "FROM packed:1\nCOPY main /main\n")
    lab.write("app/main", "one\n")
    lab.pack(b"packed")
    return lab
