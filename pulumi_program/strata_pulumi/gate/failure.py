# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How errors are told to Pulumi: one status of gRPC with a message for a person, and never a traceback."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Protocol, TypeVar

import grpc
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import StrataError

#: Characters of a message that fit into the trailers of a call, whose usual limit is 8 KiB, with all their escapes.
_LONGEST = 4000


class CancelledError(StrataError):
    """Pulumi wants no more answers."""


class UnknownKindError(StrataError):
    """Something was asked for that this provider does not have."""


class Context(Protocol):
    """The part of gRPC's context of a call that is used here."""

    async def abort(self, code: grpc.StatusCode, details: str) -> None:
        """End the call with an error; raises."""


Servicer = TypeVar("Servicer")
Request = TypeVar("Request")
Answer = TypeVar("Answer")
Method = Callable[[Servicer, Request, Context], Awaitable[Answer]]


def answered(method: Method[Servicer, Request, Answer]) -> Method[Servicer, Request, Answer]:
    """*method*, whose errors become the status of the call."""

    @wraps(method)
    async def answer(self: Servicer, request: Request, context: Context) -> Answer:
        try:
            return await method(self, request, context)
        except Exception as error:
            code, message = status(error)
        await context.abort(code, message)
        raise AssertionError("abort raises")

    return answer


def status(error: Exception) -> tuple[grpc.StatusCode, str]:
    """Code and message of *error*.

    Not ``UNKNOWN``, ``INTERNAL`` or ``DATA_LOSS``: after these Pulumi takes the resource for half made, and warns of a
    pending operation from then on.
    """
    if isinstance(error, CancelledError):
        return grpc.StatusCode.CANCELLED, str(error)
    if isinstance(error, UnknownKindError):
        return grpc.StatusCode.UNIMPLEMENTED, str(error)
    if isinstance(error, StrataError):
        return grpc.StatusCode.FAILED_PRECONDITION, _short(str(error))
    _trace(error)
    return grpc.StatusCode.ABORTED, (
        f"the provider strata has met something that it does not expect ({type(error).__name__}). Please report it, "
        "with what pulumi --logtostderr --logflow -v=9 says."
    )


def _short(message: str) -> str:
    """The beginning of a long message says what is wrong, its end what the console said last."""
    if len(message) <= _LONGEST:
        return message
    return f"{message[: _LONGEST // 4]}\n...\n{message[-_LONGEST * 3 // 4 :]}"


def _trace(error: Exception) -> None:
    """For who looks for mistakes; Pulumi shows everybody what a plugin writes to stderr."""
    if "--logflow" in sys.argv or "--logtostderr" in sys.argv:
        traceback.print_exception(error)
