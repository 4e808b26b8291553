# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pulumi's own tools for tests, built by tools/pulumi/build: the CLI on a backend in a folder, plugins over gRPC."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pulumi.runtime.proto.provider_pb2_grpc import ResourceProviderStub

BUILD = Path(__file__).parents[1] / "tools/pulumi/build"

#: Nobody listens there: a plugin that is only asked what it is has no engine to call back.
_NO_ENGINE = "127.0.0.1:1"


@cache
def binaries() -> Path:
    """Folder of the built tools. They are built if they are not yet there, which takes minutes."""
    if subprocess.run([BUILD, "--path"], capture_output=True, check=False).returncode:
        _build()
    asked = subprocess.run([BUILD, "--path"], text=True, capture_output=True, check=True)
    return Path(asked.stdout.strip())


def _build() -> None:
    with subprocess.Popen([BUILD]) as building:
        try:
            assert building.wait() == 0
        finally:
            # Not killed, as subprocess.run does: it has compilers to end, if the test is broken off.
            building.terminate()


@dataclass(frozen=True, slots=True)
class Project:
    """A Pulumi project in a folder that also holds its state and Pulumi's own files."""

    folder: Path

    def environment(self) -> dict[str, str]:
        path = f"{binaries()}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        return os.environ | {
            "PATH": path,
            "PULUMI_HOME": str(self.folder / "home"),
            "PULUMI_BACKEND_URL": f"file://{self.folder}?metadata=skip",
            "PULUMI_CONFIG_PASSPHRASE": "a passphrase of tests",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        }

    def pulumi(self, *argv: str) -> str:
        """What the CLI prints; fails with what it says on stderr."""
        done = subprocess.run(
            ["pulumi", "--non-interactive", *argv],
            cwd=self.folder,
            env=self.environment(),
            text=True,
            capture_output=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, f"pulumi {' '.join(argv)}: {done.stdout}{done.stderr}"
        return done.stdout


@contextmanager
def plugin(name: str) -> Iterator[ResourceProviderStub]:
    """A running plugin. As Pulumi does: its first line tells the port, and it ends when it is killed."""
    import grpc
    from pulumi.runtime.proto.provider_pb2_grpc import ResourceProviderStub

    program = binaries() / f"pulumi-resource-{name}"
    with subprocess.Popen([program, _NO_ENGINE], text=True, stdout=subprocess.PIPE) as running:
        try:
            assert running.stdout
            port = int(running.stdout.readline())
            # A schema is larger than gRPC's bound of 4 MiB for what is received.
            unbounded = [("grpc.max_receive_message_length", -1)]
            with grpc.insecure_channel(f"127.0.0.1:{port}", options=unbounded) as channel:
                yield ResourceProviderStub(channel)
        finally:
            running.kill()
