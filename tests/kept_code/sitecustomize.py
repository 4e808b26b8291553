# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps the bytecode of what is imported from zips, as Python does of files. For processes with this on PYTHONPATH.

Ansible sends each module with all that it imports as a zip of sources. Python compiles these anew in every process, and
twice: that is most of the time of a task. What is kept goes by the source itself, in the folder $STRATA_TEST_CODE.
"""

from __future__ import annotations

import _imp
import hashlib
import marshal
import os
import sys
import zipimport
from pathlib import Path
from types import CodeType

_FOLDER = Path(os.environ["STRATA_TEST_CODE"])
_compile = zipimport._compile_source


def _kept(path: str, source: bytes) -> CodeType:
    kept = _FOLDER / hashlib.sha256(sys.version.encode() + source).hexdigest()
    try:
        code: CodeType = marshal.loads(kept.read_bytes())
    except FileNotFoundError:
        code = _compile(path, source)
        aside = kept.with_suffix(f".{os.getpid()}")
        aside.write_bytes(marshal.dumps(code))
        aside.rename(kept)
    _imp._fix_co_filename(code, path)
    return code


zipimport._compile_source = _kept
