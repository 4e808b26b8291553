# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SSH key pairs: ed25519, made once by ``ssh-keygen``, readable by their owner only."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from ..errors import GuestError
from .files import sync_folder, write_whole


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPair:
    """``private``: file of the private key (0600). ``public``: the one line ``ssh-ed25519 ... comment``."""

    private: Path
    public: str


def have_key_pair(private: Path, comment: str) -> KeyPair:
    """The key pair at *private* and *private*``.pub``, made where it is not there yet.

    Callers exclude each other. The public half is read from the private one, so that a run that was killed between
    the two leaves nothing that does not fit together.
    """
    public = private.with_name(f"{private.name}.pub")
    if not private.exists():
        public.unlink(missing_ok=True)
        _generate(private, comment)
    if not public.exists():
        write_whole(public, _keygen("-y", "-f", str(private)), 0o644)
    return KeyPair(private=private, public=public.read_text("ascii").strip())


def _generate(private: Path, comment: str) -> None:
    aside = private.with_name(f".{private.name}.new")
    for leftover in (aside, aside.with_name(f"{aside.name}.pub")):
        leftover.unlink(missing_ok=True)
    _keygen("-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(aside))
    aside.with_name(f"{aside.name}.pub").unlink()
    with aside.open("rb") as stream:
        os.fsync(stream.fileno())
    aside.replace(private)
    sync_folder(private.parent)


def _keygen(*arguments: str) -> bytes:
    try:
        done = subprocess.run(
            ["ssh-keygen", *arguments], stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=60
        )
    except FileNotFoundError:
        raise GuestError("ssh-keygen is not installed. Install OpenSSH's client (Debian: openssh-client).") from None
    if done.returncode:
        raise GuestError(f"ssh-keygen {' '.join(arguments)} failed: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout
