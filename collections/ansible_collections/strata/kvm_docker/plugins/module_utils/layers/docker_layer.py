# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules of the Docker layer share: their options, and the way from them to one converged layer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from .. import seal_key
from ..declare.compose import Project
from ..declare.environment import ContainerImage, EngineSettings, Environment, Guest
from ..declare.scalars import check_name
from ..docker import registry
from ..docker.docker_host import DEFAULT, Target, open_engine
from ..docker.engine import WAIT_TIMEOUT, Engine, check_wait
from ..docker.image_list import held
from ..folders import Folders
from ..inputs import Inputs
from ..locks import TIMEOUT, locked
from ..masking import hidden
from ..plan.model import Declared, Observed
from ..progress import Progress
from ..requirements import require
from ..resolve import resolve_images
from ..result import changes_of
from .layer import Layer

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

#: Options of every module of the layer: which engine it is.
CONNECTION: dict[str, dict[str, Any]] = {
    "docker_host": {"type": "str"},
    "environment": {"type": "str"},
    "guest": {"type": "str"},
    "state_folder": {"type": "path"},
}
#: Options of those that change something.
CHANGING: dict[str, dict[str, Any]] = {**CONNECTION, "lock_timeout": {"type": "float", "default": TIMEOUT}}
ADOPT: dict[str, dict[str, Any]] = {"adopt": {"type": "bool", "default": False}}

MUTUALLY_EXCLUSIVE = [("docker_host", "guest")]
REQUIRED_BY = {"guest": ("environment",)}

#: Of an engine's machine about which nothing else is known.
_NO_IMAGE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What one call asks of an engine; see :class:`~.layer.Layer` for what is not told here.

    ``speaks_for``: what it is about beside what it declares. ``files``: folder that relative paths of
    ``container_images`` start at. ``absent``: what is there is to go. ``remove_orphans``: only what is not declared.
    ``remove_volumes``: containers that go take their volumes without a name along. ``wait_timeout``: seconds to
    wait for one container, 0: no limit.
    """

    project: Project
    kinds: tuple[str, ...]
    speaks_for: Callable[[Observed], bool] = lambda item: False
    settings: Mapping[str, Any] = field(default_factory=dict)
    container_images: Mapping[str, ContainerImage] = field(default_factory=dict)
    files: Path = field(default_factory=Path.cwd)
    absent: bool = False
    remove_orphans: bool = False
    remove_volumes: bool = False
    running: bool = True
    only: Literal["start", "stop"] | None = None
    wait: bool = True
    wait_timeout: int = WAIT_TIMEOUT


def alone(**parts: Any) -> Project:
    """A project of objects that stand by themselves: it has no name that they could bear."""
    return Project(name="", file="the options of the module", **parts)


def speaks_for_one(kind: str, name: str) -> Callable[[Observed], bool]:
    """A declaration of one object, whether it is declared to be there or not."""
    return lambda item: item.key.kind == kind and item.key.name == name


def target_of(params: Mapping[str, Any]) -> Target:
    """The engine that the options name."""
    for option in ("environment", "guest"):
        if params[option] is not None:
            check_name(option, params[option])
    return Target(
        docker_host=params["docker_host"] or DEFAULT, environment=params["environment"], guest=params["guest"]
    )


@contextmanager
def engine_of(params: Mapping[str, Any]) -> Iterator[Engine]:
    """The engine that the options name, open."""
    require("docker")
    with open_engine(target_of(params), Folders.own(params["state_folder"])) as engine:
        yield engine


def converge(module: AnsibleModule, engine: Engine, request: Request) -> dict[str, Any]:
    """Bring what *request* is about to what it declares; the common part of the module's result."""
    with nullcontext() if module.check_mode else _locked(module.params, engine):
        layer = layer_of(module.params, engine, request)
        with hidden(layer.environment, layer.progress) as mask:
            return changes_of(layer.converge(module.check_mode), module._diff, mask.data)


def layer_of(params: Mapping[str, Any], engine: Engine, request: Request) -> Layer:
    """The layer of *request* on *engine*, which gets to know it. Asks registries; on the engine it changes nothing."""
    environment = _environment(engine, request)
    _acquaint(engine, request, environment, Folders.own(params["state_folder"]))
    layer = Layer(
        environment=environment,
        connection=engine,
        kinds=request.kinds,
        inputs=engine.inputs,
        progress=Progress(),
        apart=lambda item: item.project not in ("", request.project.name),
        remove_orphans=request.absent or request.remove_orphans,
        adopt=bool(params.get("adopt")),
        running=request.running,
        only=request.only,
        wait=request.wait,
    )
    wanted = {item.key for item in layer.wanted()}
    layer.speaks_for = lambda item: isinstance(item, Declared) or item.key in wanted or request.speaks_for(item)
    return layer


def _environment(engine: Engine, request: Request) -> Environment:
    """What *request* declares, as the one guest of an environment."""
    settings = EngineSettings(settings=request.settings)
    guest = Guest(name=engine.guest, image=_NO_IMAGE, compose=request.project, engine=settings)
    return Environment(
        name=engine.environment,
        folder=str(request.files),
        guests={guest.name: guest},
        container_images=request.container_images,
    )


def _acquaint(engine: Engine, request: Request, environment: Environment, folders: Folders) -> None:
    """Tell *engine* what it is wanted for: the project, its inputs with what tags stand for now, and how to wait."""
    images = resolve_images(environment, folders, held(engine)) if "image" in request.kinds else {}
    engine.by_module, engine.remove_volumes = True, request.remove_volumes
    engine.wait_timeout = check_wait(request.wait_timeout)
    engine.project = request.project
    engine.inputs = Inputs(images=images, seal=seal_key.find(engine.environment, folders))
    if not request.absent and not request.only:
        engine.inputs = engine.inputs.following(engine.guest, registry.ask(engine))


@contextmanager
def _locked(params: Mapping[str, Any], engine: Engine) -> Iterator[None]:
    """One run at a time: of an environment, or on an engine that is of none."""
    name = engine.environment if params["guest"] else f"{engine.environment}@{engine.guest}"
    folders = Folders.own(params["state_folder"])
    with locked(folders.lock(name), engine.environment, params["lock_timeout"], Progress()):
        seal_key.have(engine.environment, folders)
        yield
