# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose an image on an engine is, and what it was made from. No I/O.

An image that is built on the engine carries our label (not that of containers, which would inherit it). One that is
loaded or pulled cannot: its configuration is part of its identity. It gets a second tag instead, a *mark*, which names
the environment and, by hash, the reference that it is for and its source. A mark outlives the reference's tag, so an
image that was replaced is never lost.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..declare.reference import at_digest, familiar
from ..inputs import registry_source, source_of
from ..naming import LABEL_SOURCE

#: Environment and reference that an image was built for; an image of another name that inherits it is not ours.
LABEL_IMAGE = "strata.image"

#: The same, on everything that a build makes on its way; an image of that label alone was left by a build.
LABEL_BUILD = "strata.build"

#: Repositories of our marks; the top-level domain is reserved (RFC 2606), so nothing can be pushed there.
MARKS = "strata.invalid/mark"
STAGES = "strata.invalid/stage"
LAYERS = "strata.invalid/layer"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedImage:
    """An image as the engine lists it. ``names``: tags and digests that it is called by, without marks. ``preloaded``:
    marks that it has from an engine layer, until an environment claims it."""

    id: str
    names: tuple[str, ...]
    marks: tuple[str, ...]
    stages: tuple[str, ...]
    labels: Mapping[str, str]
    preloaded: tuple[str, ...] = ()

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> ListedImage:
        """Of an entry of the API's answer to ``GET /images/json``."""
        tags = [tag for tag in entry.get("RepoTags") or () if not tag.startswith("<none>")]
        digests = [name for name in entry.get("RepoDigests") or () if not name.startswith("<none>")]
        return cls(
            id=entry["Id"],
            names=tuple(
                tag
                for tag in (*tags, *digests)
                if not tag.startswith((f"{MARKS}:", f"{STAGES}:", f"{LAYERS}:", f"{MARKS}@"))
            ),
            marks=tuple(tag for tag in tags if tag.startswith(f"{MARKS}:")),
            stages=tuple(tag for tag in tags if tag.startswith(f"{STAGES}:")),
            labels=entry.get("Labels") or {},
            preloaded=tuple(tag for tag in tags if tag.startswith(f"{LAYERS}:")),
        )

    def origin(self, environment: str, reference: str, source: str) -> str | None:
        """What it is made from, seen as an image for *reference* that is to be of *source*.

        ``None`` when we did not put it there, and it is not the very image that *source* asks for either: that of the
        archive, the one that an engine layer brought for it, or whatever the registry's name already stands for.
        """
        if source == source_of("archive", self.id) or source in self._digest_sources(reference):
            return source
        if layer_mark(source) in self.preloaded:
            return source
        return self.put_for(environment, reference, source) or self._stands_for(reference, source)

    def _stands_for(self, reference: str, source: str) -> str | None:
        """Nobody marked it, but it has the name that *source* asks a registry for, and may be an older state of it."""
        plain = registry_source(reference)
        if familiar(reference) not in self.names or not source.startswith(plain):
            return None
        return source if source == plain else next(iter(self._digest_sources(reference)), None)

    def _digest_sources(self, reference: str) -> list[str]:
        """What it would be made from if *reference* stood for it, by the digests that its registry knows it by."""
        digests = sorted(name.partition("@")[2] for name in self.names if "@" in name)
        return [
            registry_source(reference, digest)
            for digest in digests
            if at_digest(reference, digest) in self.names and "@" not in reference
        ]

    def put_for(self, environment: str, reference: str, source: str = "") -> str | None:
        """What it was made from when *environment* put it there for *reference*; ``None`` when it did not.

        A mark holds but a hash: where it is not of *source*, nor of what a registry's digest tells, the answer is the
        image's id.
        """
        if self.built_for(environment, reference):
            return self.labels.get(LABEL_SOURCE, "")
        if source and mark(environment, reference, source) in self.marks:
            return source
        if any(tag.startswith(mark(environment, reference, "")) for tag in self.marks):
            return self._pulled_for(environment, reference, source) or f"image:{self.id}"
        return None

    def _pulled_for(self, environment: str, reference: str, source: str) -> str | None:
        """Marked as pulled, whether its tag was followed then or not."""
        plain, followed = registry_source(reference), self._digest_sources(reference)
        if not {mark(environment, reference, known) for known in (plain, *followed)} & set(self.marks):
            return None
        return plain if source == plain else next(iter(followed), None)

    def built_for(self, environment: str, reference: str) -> bool:
        return self.labels.get(LABEL_IMAGE) == _label(environment, reference)

    def left_by_build(self, environment: str, reference: str) -> bool:
        """A build for *reference* made it on its way and has no use for it any more."""
        label = _label(environment, reference)
        on_its_way = self.labels.get(LABEL_BUILD) == label != self.labels.get(LABEL_IMAGE)
        return on_its_way and not (self.names or self.marks or self.stages)

    def built_from(self) -> str:
        """Environment and reference of the build that made it, as in its labels."""
        return self.labels.get(LABEL_BUILD, "")

    def put_by(self, environment: str) -> bool:
        """*environment* put it there, for whatever reference."""
        return self.built_from().startswith(f"{environment}/") or any(
            tag.startswith(f"{MARKS}:{environment}-") for tag in self.marks
        )


def mark(environment: str, reference: str, source: str) -> str:
    """The mark of an image; without *source* what all marks for *reference* start with."""
    return f"{MARKS}:{environment}-{_short(familiar(reference))}-{_short(source) if source else ''}"


def stage_mark(environment: str, reference: str, number: int | str) -> str:
    """Keeps the result of a build's stage *number*, which has no name, as its cache and from being lost."""
    return f"{STAGES}:{environment}-{_short(familiar(reference))}-{number}"


def layer_mark(name: str) -> str:
    """The mark of an image that an engine layer brings. *name*: the source that an environment is to declare for it;
    more, where that is not all that it is known by."""
    return f"{LAYERS}:{hashlib.sha256(name.encode()).hexdigest()[:32]}"


def build_labels(environment: str, reference: str, source: str) -> dict[str, str]:
    """Labels of the image that a build comes to."""
    return {LABEL_IMAGE: _label(environment, reference), LABEL_SOURCE: source}


def build_label(environment: str, reference: str) -> tuple[str, str]:
    """Label of everything that a build makes. It is the same for every source, so the build finds its cache again."""
    return LABEL_BUILD, _label(environment, reference)


def superseded(image: ListedImage, environment: str, sources: Mapping[str, str]) -> bool:
    """We put it there, and nothing calls for it any more: it has no name and no source of *sources* (by reference).
    What an engine layer brought is left until an environment claims it: a guest has it without room of its own.

    A digest is a name where the image was put there under it; else it only says where the image once came from.
    """
    declared = {familiar(name) for name in sources}
    named = any(
        "@" not in name or name in declared or image.put_for(environment, name) is not None for name in image.names
    )
    if named or image.stages or image.preloaded or not image.put_by(environment):
        return False
    return all(image.origin(environment, reference, source) != source for reference, source in sources.items())


def _label(environment: str, reference: str) -> str:
    return f"{environment}/{familiar(reference)}"


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
