# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""deploy.py DECLARATION STACK: the same by Pulumi's Automation API; each resource is told when it is begun and done.

Status 3 where anything but containers would be replaced or deleted; then nothing is touched.
"""

from __future__ import annotations

import re
import sys
import time
from pathlib import Path

from pulumi.automation import ConfigValue, EngineEvent, StepEventMetadata, create_or_select_stack

CONTAINER = re.compile(
    "docker:index/container:Container::|strata:index:ContainerFiles::|strata:index:Object::[^/]*/container/"
)
PROGRAM = Path(__file__).parents[2] / "pulumi_program"


class Progress:
    """Prints what Pulumi does to resources, and remembers what it means to take away."""

    def __init__(self) -> None:
        self.lost: set[str] = set()
        self._began = time.monotonic()

    def foresee(self, event: EngineEvent) -> None:
        if event.resource_pre_event:
            step = event.resource_pre_event.metadata
            if any(word in step.op.value for word in ("replace", "delete")) and not CONTAINER.search(step.urn):
                self.lost.add(_name(step))

    def show(self, event: EngineEvent) -> None:
        begun, done = event.resource_pre_event, event.res_outputs_event
        if begun and begun.metadata.op != "same":
            self._say(begun.metadata, "...")
        if done and done.metadata.op != "same":
            self._say(done.metadata, "done")
        if event.res_op_failed_event:
            self._say(event.res_op_failed_event.metadata, "FAILED")

    def _say(self, step: StepEventMetadata, how: str) -> None:
        print(f"{time.monotonic() - self._began:7.1f} s  {step.op.value} {_name(step)} {how}", flush=True)


def _name(step: StepEventMetadata) -> str:
    return step.urn.rpartition("::")[2]


def main(declaration: str, name: str) -> int:
    stack, progress = create_or_select_stack(name, work_dir=str(PROGRAM)), Progress()
    stack.set_config("declaration", ConfigValue(str(Path(declaration).absolute())))
    stack.preview(on_event=progress.foresee)
    if progress.lost:
        print(f"deploy: this would be replaced or deleted: {', '.join(sorted(progress.lost))}", file=sys.stderr)
        return 3
    done = stack.up(on_event=progress.show)
    print(f"{done.summary.result}: {done.summary.resource_changes}")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
