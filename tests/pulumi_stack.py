# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An environment as a stack of pulumi_program/, by Pulumi's own command line."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pulumi_tools
from environments import REPOSITORY, EnvironmentCopy


@dataclass
class Stack:
    """``copy``: of the environment. ``folder``: of Pulumi's state and settings. ``secret``: what it must not say."""

    copy: EnvironmentCopy
    folder: Path
    secret: str | None = None

    def start(self, *argv: str) -> subprocess.Popen[str]:
        environment = self.copy.lab.environment | pulumi_tools.Project(self.folder).environment() | {"STACK": self.name}
        return subprocess.Popen(
            [str(REPOSITORY / "tools/pulumi/run"), *argv, "--color", "never"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def pulumi(self, *argv: str) -> str:
        """What the command line prints, which must not fail."""
        running = self.start(*argv)
        said, _nothing = running.communicate(timeout=900)
        assert running.returncode == 0, said
        assert self.secret is None or self.secret not in said
        return said

    @property
    def name(self) -> str:
        return f"{self.copy.folder.name}-of-a-test"

    @property
    def settings(self) -> tuple[str, ...]:
        return ("--config-file", str(self.folder / "settings.yaml"), "--config", f"declaration={self.copy.declaration}")

    def up(self) -> str:
        return self.pulumi("up", "--yes", "--skip-preview", *self.settings)

    def destroy(self) -> None:
        self.pulumi("destroy", "--yes", "--skip-preview")
        (REPOSITORY / f"pulumi_program/Pulumi.{self.name}.yaml").unlink(missing_ok=True)

    def unchanged(self) -> None:
        self.pulumi("preview", "--expect-no-changes", *self.settings)

    def foreseen(self) -> dict[str, str]:
        """What a preview would do, by name of the resource; the outermost step where there are several."""
        told = self.pulumi("preview", "--json", "--suppress-progress", *self.settings)
        steps = json.loads(told[told.index("{") :])["steps"]
        return {step["urn"].rpartition("::")[2]: step["op"] for step in steps if step["op"] != "same"}
