# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Converges in a process of its own, so that it can be killed and measured.

python converge_process.py DECLARATION EVENTS [STATE]: events go to the file EVENTS as lines of JSON; the
changes, the seconds of each part and the peak memory (KiB) to standard output as one JSON object. STATE may be
``checkpoint``, which takes one, and ``restored``, which goes back to it. $STRATA_TEST_WORKERS: how many changes are
applied at once. $STRATA_TEST_START: the option ``start``.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from ansible_collections.strata.kvm_docker.plugins.module_utils import execute, run
from ansible_collections.strata.kvm_docker.plugins.module_utils.checkpoint.command import (
    have_checkpoint,
    restore_checkpoint,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.converge import Options, converge
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import StrataError
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.progress import Progress, to_file


def main(declaration: str, events: str, state: Any = "present") -> int:
    if workers := os.environ.get("STRATA_TEST_WORKERS"):
        run.execute = partial(execute.execute, workers=int(workers))
    start: Any = os.environ.get("STRATA_TEST_START", "auto")
    options = Options(folders=Folders.of(), progress=Progress(to_file(Path(events))), lock_timeout=0, start=start)
    try:
        if state == "checkpoint":
            kept = have_checkpoint(Path(declaration), options)
            print(json.dumps({"digest": kept.digest, "changed": kept.changed}))
            return 0
        if state == "restored":
            outcome = restore_checkpoint(Path(declaration), options)
        else:
            outcome = converge(Path(declaration), state, options)
    except StrataError as error:
        print(error, file=sys.stderr)
        return 1
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    changes = [str(change) for change in outcome.plan]
    started = asdict(outcome.started) if outcome.started else None
    told = {"changes": changes, "seconds": outcome.seconds, "peak_kib": peak, "guests": outcome.guests}
    print(json.dumps({**told, "start": started, "warnings": outcome.warnings}))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
