# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Converges, and is killed on the way.

python killed.py DECLARATION STAGES: SIGKILL goes to the converge once STAGES stages have ended; prints the stage and
the status of its last event, or nothing where it had ended by itself.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from environments import EnvironmentCopy, Lab


def main(declaration: str, stages: str) -> None:
    file = Path(declaration)
    last = EnvironmentCopy(Lab(Folders.of()), file.parent, file).start().kill_after(int(stages))
    if last.startswith("{"):
        event = json.loads(last)
        last = f"{event['stage']} {event['status']}"
    print(last)


if __name__ == "__main__":
    main(*sys.argv[1:])
