# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds an image on an engine: sends the context, follows the steps, keeps what the next build can use."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from ..declare.compose import Build
from ..declare.reference import familiar, split
from ..errors import ImageError
from ..inputs import ImageInput
from .context import DOCKERFILE, Context
from .dockerfile import labelled, line_before
from .engine import Engine
from .events import Report
from .image_list import discard, list_images
from .image_marks import build_label, build_labels, stage_mark

if TYPE_CHECKING:
    from docker.errors import APIError

#: Lines of a failed build's output that its error shows.
TAIL = 20

_STEP = re.compile(r"^Step (?P<number>\d+)/(?P<total>\d+) : (?P<instruction>.*)$")
_LINE = re.compile(r"\bline (\d+)")
_RESULT = re.compile(r"^ ---> (?P<id>[0-9a-f]{12,64})$")


@dataclass(slots=True)
class Output:
    """What a build has printed so far. ``stages``: results of those before the last that have steps beyond FROM."""

    report: Report
    step: str = "its start"
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=TAIL))
    stages: list[str] = field(default_factory=list)
    _result: str = ""
    _after_from: bool = False

    def follow(self, event: Mapping[str, Any]) -> None:
        """Take one event in. Raises :class:`ImageError` with the step and the last lines when it tells of a failure."""
        for line in str(event.get("stream", "")).splitlines():
            self._line(line.rstrip())
        if "error" in event:
            tail = "\n".join(f"    {line}" for line in self.lines)
            raise ImageError(
                f"build failed at {self.step}: {event['error']}\n{tail}\nCorrect the Dockerfile and run again."
            )

    def _line(self, line: str) -> None:
        if line:
            self.lines.append(line)
        if step := _STEP.match(line):
            self.step = step["instruction"]  # without its number, which counts our labels too
            self.report(f"building, {self.step}", (int(step["number"]) - 1) / int(step["total"]))
            self._begin(stage=step["instruction"].split(maxsplit=1)[0].upper() == "FROM")
        elif result := _RESULT.match(line):
            self._result = "" if self._after_from else result["id"]

    def _begin(self, stage: bool) -> None:
        if stage and self._result:
            self.stages.append(self._result)
        if stage:
            self._result = ""
        self._after_from = stage


@dataclass(frozen=True, slots=True)
class Builder:
    """Builds *image* as *options* say, with the classic builder: it needs nothing on the guest but the engine."""

    engine: Engine
    image: ImageInput
    options: Build
    report: Report

    def build(self, context: Context) -> None:
        output = Output(self.report)
        with self.engine.builds.building(self.image.reference):
            try:
                for event in self._events(context):
                    output.follow(event)
            except ImageError as error:
                raise ImageError(f"{self.engine.where}: image {self.image.reference}: {error}") from error
            self._keep(output.stages)

    def _events(self, context: Context) -> Iterator[Mapping[str, Any]]:
        from docker.errors import APIError

        environment, reference = self.engine.environment, self.image.reference
        client = cast(Any, self.engine.client)  # its stubs know no stream but a file
        try:
            yield from client.build(
                fileobj=context.archive_of(
                    self.image.made_from,
                    self.options,
                    self.image.bases,
                    labelled(context.dockerfile, *build_label(environment, reference)),
                ),
                custom_context=True,
                dockerfile=DOCKERFILE,
                tag=familiar(reference),
                buildargs=dict(self.options.args),
                target=self.options.target,
                labels={**self.options.labels, **build_labels(environment, reference, self.image.source)},
                rm=True,
                forcerm=True,
                decode=True,
            )
        except APIError as error:
            raise ImageError(f"{context.where}: {_in_lines_of(context.dockerfile, error)}") from error

    def _keep(self, stages: list[str]) -> None:
        """Mark the results of the stages: they are the cache of the next build, and have no name otherwise."""
        environment, reference = self.engine.environment, self.image.reference
        names = [stage_mark(environment, reference, number) for number in range(len(stages))]
        for name, result in zip(names, stages, strict=True):
            repository, tag = split(name)
            self.engine.client.tag(result, repository, tag)
        for image in list_images(self.engine):
            for name in image.stages:
                if name.startswith(stage_mark(environment, reference, "")) and name not in names:
                    discard(self.engine, name)


def _in_lines_of(dockerfile: str, error: APIError) -> str:
    """The engine's words; they count lines in the Dockerfile as it was sent."""
    words = str(error.explanation or error)
    return _LINE.sub(lambda match: f"line {line_before(dockerfile, int(match[1]))}", words)
