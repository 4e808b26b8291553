# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Image references in one form, so that two spellings of one image are equal. No I/O.

Source: distribution/reference, "familiar" names: what an engine lists in ``RepoTags``.
"""

from __future__ import annotations

_DEFAULT_REGISTRIES = ("docker.io/", "index.docker.io/")


def familiar(reference: str) -> str:
    """``docker.io/library/redis`` and ``redis`` are ``redis:latest``; a digest makes the tag beside it void."""
    name, _at, digest = reference.partition("@")
    for registry in _DEFAULT_REGISTRIES:
        name = name.removeprefix(registry)
    name = name.removeprefix("library/")
    repository, tag = split(name)
    return f"{repository}@{digest}" if digest else f"{repository}:{tag or 'latest'}"


def at_digest(reference: str, digest: str) -> str:
    """The image of *digest* in the repository of *reference*."""
    return f"{split(familiar(reference).partition('@')[0])[0]}@{digest}"


def split(reference: str) -> tuple[str, str]:
    """Repository and tag; the tag is empty where there is none. The colon of a registry's port starts no tag."""
    head, colon, tail = reference.rpartition(":")
    if not colon or "/" in tail:
        return reference, ""
    return head, tail
