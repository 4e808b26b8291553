# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``build`` of a service (Compose Specification, "build"). Looks whether the folder and the Dockerfile are there."""

from __future__ import annotations

import os
import re
from pathlib import Path

from .compose import Build
from .node import Node

_URL = re.compile(r"[a-z+]+://|git@|github\.com/")
_INTO_CONTEXT = "bring what the build needs into the context"
KNOWN = ("context", "dockerfile", "dockerfile_inline", "args", "target", "labels")
UNSUPPORTED = {
    "additional_contexts": _INTO_CONTEXT,
    "cache_from": "the engine's own cache is used",
    "cache_to": "the engine's own cache is used",
    "entitlements": "builds run without privileges",
    "extra_hosts": "builds that depend on names elsewhere do not repeat; " + _INTO_CONTEXT,
    "isolation": "it is for Windows only",
    "network": "builds have the engine's default network",
    "no_cache": "an image is built when its context changes, else it is kept",
    "platforms": "a guest's engine builds for its own platform",
    "privileged": "builds run without privileges",
    "provenance": "it is for registries, and images are not pushed",
    "pull": "load or pull the base image under a tag or digest of its own",
    "sbom": "it is for registries, and images are not pushed",
    "secrets": _INTO_CONTEXT,
    "shm_size": "builds have the engine's default",
    "ssh": _INTO_CONTEXT,
    "tags": "write one image",
    "ulimits": "builds have the engine's default",
}


def read_build(node: Node) -> Build:
    """A folder, or a mapping with ``context``; relative paths start at the Compose file."""
    if not isinstance(node.value, dict):
        return _checked(node, Build(context=_context(node)))
    fields = node.fields(KNOWN, UNSUPPORTED)
    if {"dockerfile", "dockerfile_inline"} <= fields.keys():
        fields["dockerfile_inline"].wrong("dockerfile and dockerfile_inline exclude each other; keep one of them")
    build = Build(
        context=_context(fields["context"] if "context" in fields else node.child("context", ".")),
        dockerfile=fields["dockerfile"].filled() if "dockerfile" in fields else "Dockerfile",
        dockerfile_inline=fields["dockerfile_inline"].filled() if "dockerfile_inline" in fields else None,
        args=fields["args"].pairs() if "args" in fields else {},
        target=fields["target"].filled() if "target" in fields else None,
        labels=fields["labels"].labels() if "labels" in fields else {},
    )
    return _checked(fields.get("context", node), build)


def _context(node: Node) -> str:
    text = node.filled()
    if _URL.match(text):
        node.wrong(f"the context {text!r} is not a folder; fetch it first and write the path of the folder")
    return os.path.normpath(node.folder / text)


def _checked(node: Node, build: Build) -> Build:
    folder = Path(build.context)
    if not folder.is_dir():
        node.wrong(f"there is no folder {folder}")
    elif build.dockerfile_inline is None and not (folder / build.dockerfile).is_file():
        node.wrong(f"there is no file {folder / build.dockerfile}")
    return build
