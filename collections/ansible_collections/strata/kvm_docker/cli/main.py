# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command ``strata``: what a pipeline asks without Ansible.

Exit status: 0 as it should be, 1 not so, 2 it could not be found out, 130 it was stopped; others are those of verdicts.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence

from ansible_collections.strata.kvm_docker.cli import (
    checkpoint,
    compare,
    explain,
    fingerprint,
    gc,
    lock,
    move,
    timeline,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import StrataError, os_errors

ERROR = 2
STOPPED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; an error is told in words, and never as a traceback. SIGTERM stops it as Ctrl-C does: what it
    has begun to write is taken away."""
    arguments = _parser().parse_args(argv)
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with os_errors():
            status: int = arguments.run(arguments)
    except StrataError as error:
        print(f"strata: {error}", file=sys.stderr)
        return ERROR
    except KeyboardInterrupt:
        print("strata: stopped", file=sys.stderr)
        return STOPPED
    finally:
        signal.signal(signal.SIGTERM, before)
    return status


def _parser() -> argparse.ArgumentParser:
    words = "Identity and runs of environments, and the store that they share."
    parser = argparse.ArgumentParser(prog="strata", description=words)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in (lock, fingerprint, compare, explain, timeline, gc, move, checkpoint):
        command.add_command(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
