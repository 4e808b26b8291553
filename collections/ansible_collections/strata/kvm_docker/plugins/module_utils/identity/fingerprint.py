# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fingerprint of an environment: its leaves, a hash for each plane of them, and one root. No I/O but of its file.

A hash is that of a Merkle tree: of a leaf over its value, of a node over the names and hashes below it. Leaves that a
rule takes out are kept and shown, and are in no hash.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from ..errors import FingerprintError, os_errors
from ..guest.files import write_whole
from ..masking import Masker
from ..plan.model import MASK
from ..plan.secrets import Seal, secret_values, secrets_in
from .leaf import PLANES, Branch, Leaf, Plane, Scalar, Secret, joined, leaves_below
from .rules import Rules
from .tokens import Tokens

FORMAT = 1
#: What :func:`leaves_below` writes for nothing.
_EMPTY = ("{}", "[]")
_FIELDS = ("environment", "level", "rules", "key", "taken", "tools", "context", "missing", "moving")


@dataclass(frozen=True, kw_only=True)
class Fingerprint:
    """What an environment was at one time.

    ``leaves``: sorted by path. ``rules``: version of the rules. ``key``: names that of the seals, and does not tell it.
    ``taken``: ISO 8601. ``tools``: name -> version, and ``context``, of the hypervisor: told, in no hash.
    ``missing``: what could not be looked at, and why. ``moving``: paths that changed while it was taken.
    """

    environment: str
    level: int
    rules: str
    key: str
    taken: str
    leaves: tuple[Leaf, ...] = field(repr=False)
    tools: Mapping[str, str] = field(default_factory=dict)
    context: Mapping[str, Any] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    moving: tuple[str, ...] = ()

    @cached_property
    def planes(self) -> dict[Plane, str]:
        """The root hash of each plane that has leaves."""
        trees = {plane: [leaf for leaf in self.leaves if leaf.plane == plane and leaf.counts] for plane in PLANES}
        return {plane: root_of(leaves) for plane, leaves in trees.items() if leaves}

    @cached_property
    def root(self) -> str:
        """One hash over all planes, the level and the rules."""
        said = {"format": FORMAT, "level": self.level, "rules": self.rules, "planes": self.planes}
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()

    @cached_property
    def unknown(self) -> tuple[str, ...]:
        """Paths of the leaves that no schema and no rule knows."""
        return tuple(leaf.path for leaf in self.leaves if not leaf.known)

    @property
    def incomplete(self) -> tuple[str, ...]:
        """Why it cannot prove that two environments are the same, in sentences."""
        return (*self.missing, *(f"{path}: a field that no rule and no schema knows" for path in self.unknown))

    @property
    def has_seals(self) -> bool:
        """Some of its leaves compare with fingerprints under the same key only."""
        return any(leaf.has_seal and leaf.counts for leaf in self.leaves)


def root_of(leaves: Iterable[Leaf]) -> str:
    """The hash of the Merkle tree of *leaves*."""
    tree = _Node()
    for leaf in leaves:
        node = tree
        for segment in leaf.path.split("/"):
            node = node.children.setdefault(segment, _Node())
        node.leaf = hashlib.sha256(b"leaf\0" + json.dumps(leaf.value).encode()).digest()
    return tree.hash().hex()


@dataclass(slots=True)
class _Node:
    leaf: bytes = b""
    children: dict[str, _Node] = field(default_factory=dict)

    def hash(self) -> bytes:
        digest = hashlib.sha256(b"node\0" + self.leaf)
        for name in sorted(self.children):
            written = name.encode(errors="surrogatepass")
            digest.update(b"%d\0%s%s" % (len(written), written, self.children[name].hash()))
        return digest.digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembly:
    """Turns branches into leaves: names for what follows from names, seals for secrets, the rule or schema of each.

    ``masker``: finds the secrets of the declaration inside of other texts.
    """

    tokens: Tokens
    rules: Rules
    seal: Seal
    masker: Masker
    _segments: dict[str, str] = field(default_factory=dict, init=False, repr=False, compare=False)

    def with_chance(self, chance: Mapping[str, str]) -> Assembly:
        """With names for ids that an engine drew, too."""
        return replace(self, tokens=replace(self.tokens, chance={**self.tokens.chance, **chance})) if chance else self

    def leaves(self, branches: Iterable[Branch], level: int) -> tuple[Leaf, ...]:
        """The leaves of *branches* that *level* looks at, sorted.

        Two that share a path once names are in it are one unknown leaf: what is not told apart is not compared.
        """
        found: dict[str, Leaf] = {}
        for leaf in (leaf for branch in branches if branch.level <= level for leaf in self._leaves(branch)):
            twice = leaf.path in found and leaf.counts
            found[leaf.path] = replace(leaf, known=False) if twice else leaf
        return tuple(found[path] for path in sorted(found))

    def _leaves(self, branch: Branch) -> Iterator[Leaf]:
        named = branch.plane != "identity"
        inside, token = (self.tokens.inside, self.tokens) if named else (str, str)
        prefix = tuple(branch.path)
        for path, value in leaves_below(branch.tree):
            full = (*prefix, *path)
            written = joined(self._named(full, inside))
            rule = self.rules.rule_of(written)
            known = rule is not None or branch.knows is None or branch.knows(path)
            held, sealed = self._value(_name(full), value, token)
            yield Leaf(written, held, branch.plane, branch.level, rule, known, sealed)

    def _named(self, path: tuple[str, ...], inside: Callable[[str], str]) -> tuple[str, ...]:
        """Folders are above many files, so most segments were looked at before."""
        if inside is str:
            return tuple([self._hidden(segment) for segment in path])
        for segment in path:
            if segment not in self._segments:
                self._segments[segment] = self._hidden(inside(segment))
        return tuple([self._segments[segment] for segment in path])

    def _hidden(self, segment: str) -> str:
        """Without secrets, but so that two of them are told apart: a command line may hold one."""
        text = self.masker.each(segment, self._sealed)
        for secret in secrets_in(text):
            text = text.replace(secret, self._sealed(secret))
        return text

    def _sealed(self, secret: str) -> str:
        """What stands for *secret* in a path."""
        return f"{MASK}{self.seal.digest(secret)[:8]}"

    def _value(self, name: str, value: Scalar | Secret, token: Callable[[str], str]) -> tuple[Scalar, bool]:
        """What the leaf holds, and whether it is a seal; an environment's name in a secret does not matter."""
        if isinstance(value, Secret):
            return self.seal.digest(value.value), True
        masked = isinstance(value, str) and self.masker(value) != value
        if masked or (value not in _EMPTY and secret_values(name, value)):
            return self.seal.digest(token(value) if isinstance(value, str) else value), True
        return (token(value) if isinstance(value, str) else value), False


def _name(path: tuple[str, ...]) -> str:
    """What the leaf at *path* is called; an item of a list is called as the list."""
    return next((name for name in reversed(path) if not name.isdigit()), path[-1])


def refuse_same_file(target: str | Path | None, baseline: str | Path | None) -> None:
    """Raise :class:`FingerprintError` where a fingerprint is to be written over the one that it is compared with: the
    next comparison would find no difference any more."""
    if target and baseline and Path(target).resolve() == Path(baseline).resolve():
        raise FingerprintError(f"{target}: it is what is compared with, and would be lost. Write to another file.")


def write_fingerprint(path: Path, fingerprint: Fingerprint) -> None:
    """Write *fingerprint* to *path*, whole or not at all; it is readable by its owner only, as it tells much."""
    with os_errors():
        write_whole(path, text_of(fingerprint).encode())


def write_anew(path: Path, fingerprint: Fingerprint, check: bool = False) -> bool:
    """Write *fingerprint* to *path* unless the one there says the same; whether it did, or with *check* would have.

    Same is what counts and what is lacking; when it was taken, and leaves that rules take out, are not looked at.
    """
    with os_errors():
        same = path.is_file() and _says(_read_or_none(path)) == _says(fingerprint)
    if not same and not check:
        write_fingerprint(path, fingerprint)
    return not same


def _says(fingerprint: Fingerprint | None) -> tuple[Any, ...]:
    if fingerprint is None:
        return ()
    told = (fingerprint.environment, fingerprint.root, fingerprint.key)
    return (*told, fingerprint.missing, fingerprint.unknown, fingerprint.moving)


def _read_or_none(path: Path) -> Fingerprint | None:
    try:
        return read_fingerprint(path)
    except FingerprintError:
        return None


def text_of(fingerprint: Fingerprint) -> str:
    """The file of *fingerprint*: JSON, a line for each leaf's part."""
    return json.dumps(as_data(fingerprint), indent=0, sort_keys=True) + "\n"


def as_data(fingerprint: Fingerprint) -> dict[str, Any]:
    """In JSON's types. ``leaves``: path -> value, plane, level, and what else is to be said of it.

    ``checksum``: over all the rest, as the root says nothing of what is missing, moving, unknown or taken out.
    """
    told = {name: getattr(fingerprint, name) for name in _FIELDS}
    leaves = {leaf.path: _row(leaf) for leaf in fingerprint.leaves}
    data = {"format": FORMAT, "root": fingerprint.root, "planes": fingerprint.planes, **told, "leaves": leaves}
    return {**data, "checksum": _checksum(data)}


def _checksum(data: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()


def _row(leaf: Leaf) -> list[Any]:
    more: dict[str, Any] = {}
    if leaf.rule is not None:
        more["rule"] = leaf.rule
    if not leaf.known:
        more["known"] = False
    if leaf.sealed:
        more["sealed"] = True
    return [leaf.value, leaf.plane, leaf.level, *([more] if more else [])]


def read_fingerprint(path: Path) -> Fingerprint:
    """The fingerprint in the file *path*. Raises :class:`FingerprintError` where it is none, or was changed since."""
    try:
        with os_errors():
            text = path.read_text(encoding="utf-8")
        data = json.loads(text)
        if data["format"] != FORMAT:
            raise FingerprintError(f"{path}: format {data['format']!r}; this release of Strata reads format {FORMAT}.")
        checksum = data.pop("checksum")
        fingerprint = _of_data(data)
        intact = fingerprint.root == data["root"] and checksum == _checksum(data)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError):
        raise FingerprintError(f"{path}: not a fingerprint. Make one with strata fingerprint.") from None
    if not intact:
        raise FingerprintError(
            f"{path}: its leaves do not lead to its root and checksum; it was changed since it was taken."
        )
    return fingerprint


def _of_data(data: Mapping[str, Any]) -> Fingerprint:
    leaves = (_leaf(path, *row) for path, row in sorted(data["leaves"].items()))
    told: dict[str, Any] = {name: data[name] for name in _FIELDS}
    told |= {"missing": tuple(data["missing"]), "moving": tuple(data["moving"])}
    return Fingerprint(leaves=tuple(leaves), **told)


def _leaf(path: str, value: Scalar, plane: Plane, level: int, more: Mapping[str, Any] | None = None) -> Leaf:
    more = more or {}
    if plane not in PLANES or not isinstance(value, (str, int, float, type(None))) or not isinstance(level, int):
        raise ValueError(path)
    return Leaf(path, value, plane, level, more.get("rule"), more.get("known", True), more.get("sealed", False))
