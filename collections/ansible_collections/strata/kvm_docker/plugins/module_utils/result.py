# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What modules return: changes, failures and facts, in the same shape for every one of them."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from .errors import ConsentError, ConvergeError, DeclarationError, MovedError, StrataError, os_errors
from .plan import show
from .plan.model import Plan

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

    from .identity.move import Move


def changes_of(plan: Plan, with_diff: bool, hide: show.Mask = show.as_it_is) -> dict[str, Any]:
    """``changed``, ``plan``, ``orphans`` and, where asked for, ``diff``; *hide* takes known secrets out."""
    result: dict[str, Any] = {
        "changed": bool(plan),
        "plan": show.as_data(plan, hide),
        "orphans": [str(key) for key in plan.orphans],
    }
    if with_diff:
        result["diff"] = show.as_diff(plan, hide)
    return result


def warn_of_orphans(module: AnsibleModule, orphans: Sequence[str], remedy: str) -> None:
    """One warning that names what is no longer declared and stays, and the *remedy*."""
    if orphans:
        module.warn(f"no longer declared, and left alone: {', '.join(orphans)}. {remedy}")


def failure_of(error: StrataError) -> dict[str, Any]:
    """What *error* tells, with the changes that had been made before it, or that it refused to make."""
    result: dict[str, Any] = {"msg": str(error)}
    if isinstance(error, DeclarationError):
        result["problems"] = [asdict(problem) for problem in error.problems]
    if moves := _moves(error):
        result["moved"] = [move.as_data() for move in moves]
    if isinstance(error, ConvergeError):
        result["failures"] = [{"object": key, "error": str(cause)} for key, cause in error.failures]
    if isinstance(error, ConsentError):
        result["plan"] = show.as_data(error.plan, error.hide)
    if error.made:
        result |= {"changed": True, "plan": show.as_data(Plan(error.made), error.hide)}
    if isinstance(error, ConvergeError) and error.__cause__:
        result["exception"] = error.hide("".join(traceback.format_exception(error.__cause__)))
    return result


def _moves(error: StrataError) -> tuple[Move, ...]:
    """What is not as it was locked, where that is the error or the cause of a change that failed."""
    if isinstance(error, MovedError):
        return error.moves
    causes = [cause for _key, cause in error.failures] if isinstance(error, ConvergeError) else []
    moves = {move.path: move for cause in causes if isinstance(cause, MovedError) for move in cause.moves}
    return tuple(moves.values())


def answer(module: AnsibleModule, work: Callable[[], dict[str, Any]], extra: Mapping[str, Any] | None = None) -> None:
    """Do *work* and end the module with what it returns, or with its error; with *extra* in either case."""
    failure: dict[str, Any] | None = None
    result: dict[str, Any] = {}
    try:
        with os_errors():
            result = work()
    except StrataError as error:
        failure = failure_of(error)
    if failure is not None:
        module.fail_json(**failure, **(extra or {}))
    module.exit_json(**result, **(extra or {}))
