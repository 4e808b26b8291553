# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Translates what the Docker SDK raises into the family of errors of the core."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import EngineError, StrataError


@contextmanager
def engine_errors(what: str, family: type[StrataError] = EngineError, url: str = "") -> Iterator[None]:
    """Raise *family* in place of what the Docker SDK raises: *what* (object and guest), then the engine's words.

    *url*: where an engine is asked for the first time, so that the message says where none was found.

    A caller that expects an answer such as 404 catches ``docker.errors.NotFound`` inside this block.
    """
    from docker.errors import APIError, DockerException
    from requests.exceptions import RequestException
    from urllib3.exceptions import HTTPError

    try:
        yield
    except APIError as error:
        raise family(f"{what}: {error.explanation or error}") from error
    except (RequestException, HTTPError, OSError) as error:
        if isinstance(error, OSError) and error.filename:
            raise family(f"{what}: {error.filename}: {error.strerror}. Run again after the fix.") from error
        raise family(f"{what}: {_silence(error, url)}") from error
    except DockerException as error:
        raise family(f"{what}: {error}") from error


def _silence(error: Exception, url: str) -> str:
    """Why an engine does not answer, and what to do about it."""
    refused = next(_refusals(error), None)
    where = f" at {url}" if url else ""
    if isinstance(refused, PermissionError):
        return f"no permission to use the engine{where}. Be a member of the group docker, or root (become: true)."
    reason = refused.strerror if refused else error
    return f"the engine does not answer{where} ({reason}). Is it up? Run again."


def _refusals(error: BaseException) -> Iterator[OSError]:
    """What the system refused: requests and urllib3 each have it among the arguments of their own error."""
    if isinstance(error, OSError) and error.strerror:
        yield error
    for inner in error.args:
        if isinstance(inner, BaseException):
            yield from _refusals(inner)
