# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The key that secrets in fingerprints are sealed with: one for a state folder, so that its environments compare.

It outlives environments: a fingerprint of before a rebuild compares with one of after it.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile

from ..errors import FingerprintError, os_errors
from ..folders import Folders, make_searchable
from ..plan.secrets import Seal

_BYTES = 32


def have(folders: Folders, path: Path | None = None) -> Seal:
    """The seal of the key in *path*, else of that of the state folder, which is made where there is none."""
    own = folders.root / "fingerprint.key"
    with os_errors():
        if path is None and not own.exists():
            make_searchable(own.parent)
            _make(own)
        key = (path or own).read_bytes()
    if len(key) < _BYTES:
        raise FingerprintError(f"{path or own}: a key has at least {_BYTES} bytes; this file has {len(key)}.")
    return Seal(key)


def _make(path: Path) -> None:
    """Whole or not at all, and once: of several that make it at a time, the key of the first one stays."""
    with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.") as aside:
        aside.write(secrets.token_bytes(_BYTES))
        aside.flush()
        with suppress(FileExistsError):
            os.link(aside.name, path)


def name_of(seal: Seal) -> str:
    """Tells one key from another, and nothing of it."""
    return hashlib.sha256(b"strata fingerprint key\0" + seal.key).hexdigest()[:16]
