# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A YAML 1.2 file as a plain tree, with the line of every path kept beside it. The only I/O is reading the file.

Anchors, aliases and merge keys (``<<``) are resolved; a key that occurs twice in one mapping is an error. Numbers are
read as by the YAML reader of Docker Compose: ``0o440`` and ``0440`` are octal.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from ..errors import DeclarationError, Problem

if TYPE_CHECKING:
    from ruamel.yaml.error import MarkedYAMLError
    from ruamel.yaml.nodes import MappingNode, Node, ScalarNode

Where: TypeAlias = tuple[str, ...]

#: More values than any file that a person wrote; a few aliases of aliases would otherwise fill the memory.
MOST_VALUES = 50_000
_TAG = "tag:yaml.org,2002:"
_OCTAL = re.compile(r"[-+]?0[0-7]+")
#: Surrogates, and what ends a text for the kernel.
_FORBIDDEN = re.compile("[\ud800-\udfff\0]")


@dataclass(frozen=True, slots=True, kw_only=True)
class YamlFile:
    """``file``: its path. ``tree``: mappings (keys are text), lists and scalars. ``lines``: path -> line, from 1.

    ``tags``: path -> tag, of the tags that the reader allows.
    """

    file: str
    tree: Any
    lines: Mapping[Where, int] = field(default_factory=dict, repr=False)
    tags: Mapping[Where, str] = field(default_factory=dict, repr=False)

    def line(self, path: Iterable[str]) -> int:
        """Line of *path*, or of the nearest thing around it that is in the file."""
        parts = tuple(path)
        return next((self.lines[parts[:end]] for end in range(len(parts), -1, -1) if parts[:end] in self.lines), 1)

    def problem(self, path: Iterable[str], message: str) -> Problem:
        """*message* about *path*, with its line."""
        parts = tuple(path)
        return Problem(self.file, self.line(parts), ".".join(parts), message)


def read_yaml(path: Path, tags: Iterable[str] = ()) -> tuple[YamlFile, list[Problem]]:
    """The file and its duplicate keys and unknown tags; :class:`DeclarationError` where it is no YAML at all.

    *tags*: those that mean something to the caller, beside the ones of YAML.
    """
    try:
        text = read_file(path)
    except OSError as error:
        raise _unreadable(path, f"cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise _unreadable(path, "is not UTF-8 text; save it as UTF-8", line) from error
    return parse_yaml(str(path), text, tags)


def read_file(path: Path) -> str:
    """The text of a file; :class:`OSError` where it is none: a pipe would be waited for."""
    if "\0" in str(path):
        raise OSError(errno.EINVAL, "its path has a NUL character")
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "Is a directory" if path.is_dir() else "it is not a file")
    return path.read_text(encoding="utf-8")


def parse_yaml(file: str, text: str, tags: Iterable[str] = ()) -> tuple[YamlFile, list[Problem]]:
    """As :func:`read_yaml`, of *text*."""
    try:
        root = _compose(file, text)
        builder = _Builder(file, frozenset(tags))
        tree = builder.build(root, ()) if root is not None else None
    except RecursionError as error:
        raise _unreadable(file, "is nested too deeply") from error
    return YamlFile(file=file, tree=tree, lines=builder.lines, tags=builder.tags), builder.problems


def _unreadable(file: str | Path, message: str, line: int = 0) -> DeclarationError:
    return DeclarationError([Problem(str(file), line, "", message)])


def _compose(file: str, text: str) -> Node | None:
    """The file as nodes that know their place."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError
    from ruamel.yaml.reader import ReaderError

    yaml = YAML(typ="safe", pure=True)
    yaml.composer.warn_double_anchors = False  # YAML 1.2 allows them, and the warning would go past our messages
    try:
        node: Node | None = yaml.compose(text)
    except MarkedYAMLError as error:
        raise _unreadable(file, f"not valid YAML: {_cause(error)}", _line_of(error)) from error
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise _unreadable(file, f"not valid YAML: character {error.character!r} is not allowed", line) from error
    except (YAMLError, ValueError) as error:
        raise _unreadable(file, f"not valid YAML: {error}") from error
    return node


def _line_of(error: MarkedYAMLError) -> int:
    mark = error.problem_mark or error.context_mark
    return mark.line + 1 if mark else 0


def _cause(error: MarkedYAMLError) -> str:
    context = f"{error.context}, " if error.context else ""
    began = error.context_mark
    where = f" (it began in line {began.line + 1})" if began and began.line + 1 != _line_of(error) else ""
    return f"{context}{error.problem or 'cannot be read'}{where}"


class _Builder:
    """Turns nodes into a tree; every alias is built anew, so that each path has a line of its own."""

    def __init__(self, file: str, allowed: frozenset[str]) -> None:
        self.problems: list[Problem] = []
        self.lines: dict[Where, int] = {}
        self.tags: dict[Where, str] = {}
        self._allowed = allowed
        self._file = file
        self._open: set[int] = set()
        self._count = 0

    def build(self, node: Node, path: Where) -> Any:
        from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

        self.lines.setdefault(path, node.start_mark.line + 1)
        self._guard(node)
        if isinstance(node, ScalarNode):
            return self._scalar(node, path)
        self._open.add(id(node))
        try:
            if isinstance(node, SequenceNode):
                self._known_tag(node, path, "seq")
                return [self.build(item, (*path, str(index))) for index, item in enumerate(node.value)]
            if not isinstance(node, MappingNode):
                raise AssertionError(f"YAML has no node like {node!r}")
            self._known_tag(node, path, "map")
            return self._mapping(node, path)
        finally:
            self._open.discard(id(node))

    def _guard(self, node: Node) -> None:
        self._count += 1
        if id(node) in self._open:
            raise _unreadable(self._file, "an alias (*) stands inside of what it repeats", node.start_mark.line + 1)
        if self._count > MOST_VALUES:
            raise _unreadable(self._file, f"has more than {MOST_VALUES} values; are aliases (*) nested?")

    def _mapping(self, node: MappingNode, path: Where) -> dict[str, Any]:
        merges = [value for key, value in node.value if key.tag == f"{_TAG}merge"]
        built = self._merged(merges, path)
        own: dict[str, int] = {}
        for key_node, value_node in node.value:
            if key_node.tag == f"{_TAG}merge":
                continue
            line = key_node.start_mark.line + 1
            key = self._key(key_node, path)
            if key in own:
                self._report((*path, key), line, f"key {key!r} is there already, in line {own[key]}; keep one of them")
                continue
            own[key] = line
            self._forget((*path, key))
            self.lines[(*path, key)] = line
            built[key] = self.build(value_node, (*path, key))
        return built

    def _forget(self, path: Where) -> None:
        """A merged value that the mapping's own key replaces takes the lines of its parts with it."""
        if path in self.lines:
            for known in [known for known in self.lines if known[: len(path)] == path]:
                del self.lines[known]
                self.tags.pop(known, None)

    def _merged(self, merges: list[Node], path: Where) -> dict[str, Any]:
        """Of several mappings the first one that has a key wins (YAML 1.1 type ``merge``, which Compose keeps)."""
        from ruamel.yaml.nodes import MappingNode, SequenceNode

        sources = [one for node in merges for one in (node.value if isinstance(node, SequenceNode) else [node])]
        merged: dict[str, Any] = {}
        for source in reversed(sources):
            if not isinstance(source, MappingNode):
                self._report(path, source.start_mark.line + 1, "<< must name a mapping, or a list of mappings")
                continue
            self._guard(source)
            self._open.add(id(source))
            merged |= self._mapping(source, path)
            self._open.discard(id(source))
        return merged

    def _key(self, node: Node, path: Where) -> str:
        from ruamel.yaml.nodes import ScalarNode

        if not isinstance(node, ScalarNode):
            self._report(path, node.start_mark.line + 1, "a key must be a word or a number, not a list or a mapping")
            return f"line {node.start_mark.line + 1}"
        value = self._scalar(node, path)
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else str(node.value)

    def _scalar(self, node: ScalarNode, path: Where) -> Any:
        text, kind = str(node.value), str(node.tag).removeprefix(_TAG)
        if _FORBIDDEN.search(text):
            self._report(path, node.start_mark.line + 1, "contains a character that is not in Unicode, or NUL")
            return _FORBIDDEN.sub("", text)
        if kind in self._allowed:
            self.tags[path] = kind
            return None if text in ("", "~", "null") else text
        if kind in ("str", "timestamp", "value", "merge"):
            return text
        try:
            return _PARSERS[kind](text)
        except KeyError:
            self._report(path, node.start_mark.line + 1, f"tag {_short(node.tag)} is not supported; remove it")
        except ValueError:
            self._report(path, node.start_mark.line + 1, f"{text!r} cannot be read as {kind}")
        return text

    def _known_tag(self, node: Node, path: Where, kind: str) -> None:
        if str(node.tag) in self._allowed:
            self.tags[path] = str(node.tag)
        elif node.tag != f"{_TAG}{kind}":
            self._report(path, node.start_mark.line + 1, f"tag {_short(node.tag)} is not supported; remove it")

    def _report(self, path: Where, line: int, message: str) -> None:
        self.problems.append(Problem(self._file, line, ".".join(path), message))


def _short(tag: object) -> str:
    return str(tag).replace(_TAG, "!!")


def _integer(text: str) -> int:
    plain = text.replace("_", "")
    if _OCTAL.fullmatch(plain):
        return int(plain, 8)
    return int(plain, 0) if re.match(r"[-+]?0[box]", plain) else int(plain)


def _float(text: str) -> float:
    return float(text.replace("_", "").lower().replace(".inf", "inf").replace(".nan", "nan"))


def _boolean(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError(text)
    return text.lower() == "true"


_PARSERS: Mapping[str, Any] = {
    "int": _integer,
    "float": _float,
    "bool": _boolean,
    "null": lambda text: None,
}
