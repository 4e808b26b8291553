# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Translates what the Docker SDK raises into the family of errors of the core."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import EngineError, StrataError


@contextmanager
def engine_errors(what: str, family: type[StrataError] = EngineError) -> Iterator[None]:
    """Raise *family* in place of what the Docker SDK raises: *what* (object and guest), then the engine's words.

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
        raise family(f"{what}: the engine does not answer ({error}). Is it up? Run again.") from error
    except DockerException as error:
        raise family(f"{what}: {error}") from error
