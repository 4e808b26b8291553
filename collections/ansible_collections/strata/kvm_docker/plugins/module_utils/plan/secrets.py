# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which leaves of a tree are secret, and how a mark remembers one without holding it. No I/O.

A leaf is secret by its name (``DB_PASSWORD``), or because its text looks like it holds one: a URL with a password, an
option or assignment that is named like one, a private key, the token of a known service.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import Any

from .model import Path, Tree

_NAME = re.compile(
    r"PASS|PWD|SECRET|TOKEN|CREDENTIAL|PRIVATE|SALT|COOKIE|KEY$|(^|[_.-])(KEY|AUTH|DSN)($|[_-])", re.IGNORECASE
)
#: ``POSTGRES_PASSWORD_FILE=/run/secrets/db`` says where a secret is, and is none.
_PLACE = re.compile(r"[_.-](FILE|PATH|DIR)$", re.IGNORECASE)
#: A word of a command line; what its shell puts in (``$PASSWORD``, ``$(cat file)``) is not known here.
_WORD = r"[\"']?(?!\$[A-Za-z_{(])(?P<value>[^\s\"'&;|]+)"
_OPTION = re.compile(rf"(?:^|[\s\"'])--?(?P<name>[A-Za-z][\w.-]*)(?:=|\s+(?!-)){_WORD}")
#: Also between commas, as mount options are.
_ASSIGNED = re.compile(r"(?:^|[\s\"';&?,])(?P<name>[A-Za-z_][\w.-]*)=[\"']?(?!\$[A-Za-z_{(])(?P<value>[^\s\"'&;|,]+)")
#: Short options that are a password to these programs, and something else to others.
_SHORT = re.compile(
    r"\b(?:(?:mysql|mariadb|mongo|sshpass)[\w-]*(?:\s+\S+)*?\s-p|(?:docker|podman) login(?:\s+\S+)*?\s-p"
    rf"|redis-cli(?:\s+\S+)*?\s-a|curl(?:\s+\S+)*?\s-u|ldap\w+(?:\s+\S+)*?\s-w)\s?(?!-){_WORD}"
)
#: Text that none of the other patterns can find anything in.
_PLAIN = re.compile(r"[\w./:,*+-]*")
_TOKEN = re.compile(
    r"(?P<value>-----BEGIN [A-Z ]*PRIVATE KEY-----|\bgh[pousr]_\w{20,}|\bglpat-[\w-]{20,}|\bxox[abprs]-[\w-]{10,}"
    r"|\bAKIA[0-9A-Z]{16}\b|\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]*|\$(?:apr1|2[aby]|5|6|y)\$[\w./$]+)"
)
_SHOWN = (
    re.compile(r"://[^/@\s:]*:(?!\$[A-Za-z_{(])(?P<value>[^/@\s]+)@"),
    re.compile(r"\b(?:bearer|basic)\s+(?P<value>[\w.+/=~-]{8,})", re.IGNORECASE),
    _TOKEN,
    _SHORT,
)

#: The one key of a mapping that stands in a mark for a leaf.
SEALED = "strata.sealed"


def secret_name(name: str) -> bool:
    """Whether what is called *name* is a secret."""
    return bool(_NAME.search(name)) and not _PLACE.search(name)


def secrets_in(text: str) -> tuple[str, ...]:
    """The parts of *text*, of whatever name, that look like secrets."""
    if _PLAIN.fullmatch(text):
        return tuple(match["value"] for match in _TOKEN.finditer(text))
    found = [match["value"] for pattern in _SHOWN for match in pattern.finditer(text)]
    for pattern in (_OPTION, _ASSIGNED):
        found += [match["value"] for match in pattern.finditer(text) if secret_name(match["name"])]
    return tuple(dict.fromkeys(found))


def secret_values(name: str, value: Any) -> tuple[str, ...]:
    """Secrets in the leaf *name*: all of *value* where the name tells so, else what looks like one in it.

    A value may be a pair ``name=value``, as Docker writes it.
    """
    if isinstance(value, (list, tuple)):
        return _in_words(name, tuple(str(item) for item in value))
    if isinstance(value, (str, int, float)) and not isinstance(value, bool):
        return _in_words(name, (str(value).removeprefix(f"{name}="),))
    return ()


@lru_cache(maxsize=16384)
def _in_words(name: str, words: tuple[str, ...]) -> tuple[str, ...]:
    """Containers of a project are much alike: most leaves were asked about before."""
    named = filter(None, words) if secret_name(name) else ()
    following = (word for option, word in pairwise(words) if _names_next(option, word))
    return (*named, *following, *secrets_in(" ".join(words)))


def _names_next(option: str, word: str) -> bool:
    return option.startswith("-") and "=" not in option and secret_name(option) and not word.startswith(("-", "$"))


def named_words(words: Sequence[Any]) -> frozenset[int]:
    """Places in a command line of *words* that are secret by the option before them (``--password``, ``x``)."""
    pairs = enumerate(pairwise(words), start=1)
    return frozenset(
        place
        for place, (option, word) in pairs
        if isinstance(option, str) and isinstance(word, str) and _names_next(option, word)
    )


def sensitive(tree: Tree) -> frozenset[Path]:
    """Paths of the leaves of *tree* that hold a secret, or a sealed one."""
    return frozenset(
        path for path, value in _leaves(tree) if isinstance(value, Sealed) or secret_values(path[-1], value)
    )


def covers(prefixes: frozenset[Path], path: Path) -> bool:
    """Whether *path*, or something that it is in, is among *prefixes*."""
    return any(path[: len(prefix)] == prefix for prefix in prefixes)


def _leaves(tree: Tree, prefix: Path = ()) -> Iterator[tuple[Path, Any]]:
    for key, value in tree.items():
        path = (*prefix, str(key))
        if isinstance(value, Mapping):
            yield from _leaves(value, path)
        else:
            yield path, value


@dataclass(frozen=True, slots=True)
class Seal:
    """Turns values into digests that tell no more than whether a value is the same. ``key``: of one environment.

    Without a key nothing is the same: a digest that needs no key could be guessed.
    """

    key: bytes = field(default=b"", repr=False)

    def digest(self, value: Any) -> str:
        """HMAC-SHA-256 of *value*, a leaf in JSON's types."""
        text = json.dumps(value, sort_keys=True, separators=(",", ":"))
        return hmac.new(self.key, text.encode(), hashlib.sha256).hexdigest() if self.key else ""

    def close(self, tree: Tree, paths: frozenset[Path]) -> dict[str, Any]:
        """*tree* as a mark may hold it: with a digest in place of each leaf of *paths*."""
        return self._closed(tree, paths, ())

    def _closed(self, tree: Tree, paths: frozenset[Path], at: Path) -> dict[str, Any]:
        closed: dict[str, Any] = {}
        for key, value in tree.items():
            path = (*at, key)
            if isinstance(value, Mapping):
                closed[key] = self._closed(value, paths, path)
            else:
                hidden = covers(paths, path) and value not in (None, "")
                closed[key] = {SEALED: self.digest(value)} if hidden else value
        return closed

    def open(self, tree: Tree) -> dict[str, Any]:
        """The inverse of :meth:`close`, with a :class:`Sealed` for each digest."""
        return {key: self._opened(value) for key, value in tree.items()}

    def _opened(self, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        return Sealed(value[SEALED], self) if value.keys() == {SEALED} else self.open(value)


@dataclass(frozen=True, slots=True)
class Sealed:
    """A leaf of which only a digest is known."""

    digest: str
    seal: Seal = field(repr=False)

    def is_of(self, value: Any) -> bool:
        """Whether it was made of *value*."""
        return bool(self.digest) and hmac.compare_digest(self.digest, self.seal.digest(value))
