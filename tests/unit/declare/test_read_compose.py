# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The reader of Compose files: the long form of everything that the model has, and refusal of everything else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.compose import (
    Build,
    Dependency,
    FileReference,
    Healthcheck,
    IpamConfig,
    Logging,
    Mount,
    Network,
    Project,
    PublishedPort,
    Service,
    ServiceNetwork,
    Ulimit,
    UpdateConfig,
    Volume,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.read_compose import read_compose
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import DeclarationError, Problem


def read(folder: Path, text: str) -> Project:
    file = folder / "compose.yaml"
    file.write_text(text)
    return read_compose(file, "web")


def read_service(folder: Path, *lines: str) -> Service:
    """The service ``app`` with *lines*."""
    body = "".join(f"    {line}\n" for line in lines)
    return read(folder, f"services:\n  app:\n    image: app:1\n{body}").services["app"]


def problems_of(folder: Path, text: str) -> tuple[Problem, ...]:
    with pytest.raises(DeclarationError) as caught:
        read(folder, text)
    return caught.value.problems


def test_a_service_has_the_defaults_of_the_specification(tmp_path: Path) -> None:
    project = read(tmp_path, "services:\n  app:\n    image: app:1\n")
    assert project == Project(
        name="web",
        file=str(tmp_path / "compose.yaml"),
        services={"app": Service(name="app", image="app:1", networks={"default": ServiceNetwork()})},
        networks={"default": Network(name="web_default")},
    )


WORDS = [
    ('command: redis-server --save "" -p 1', {"command": ("redis-server", "--save", "", "-p", "1")}),
    ("command: []", {"command": ()}),
    ("command:", {"command": None}),
    ("entrypoint: [/bin/sh, -c, 'echo $$HOME']", {"entrypoint": ("/bin/sh", "-c", "echo $HOME")}),
    ("environment: {A: 1, B: true, C: x, D: 1.50}", {"environment": {"A": "1", "B": "true", "C": "x", "D": "1.5"}}),
    ("environment: [A=1, 'B=x=y', C=]", {"environment": {"A": "1", "B": "x=y", "C": ""}}),
    ("labels: [a, b=1]", {"labels": {"a": "", "b": "1"}}),
    ("labels: {a: , b: 1}", {"labels": {"a": "", "b": "1"}}),
    ("expose: [80, '90/udp']", {"expose": ("80", "90/udp")}),
    ("restart: 'no'", {"restart": "no"}),
    ("restart: no", {"restart": "no"}),
    ("restart: on-failure:3", {"restart": "on-failure:3"}),
    ("stop_grace_period: 1m30s", {"stop_grace_period": 90.0}),
    ("stop_grace_period: 500ms", {"stop_grace_period": 0.5}),
    ("mem_limit: 64m", {"mem_limit": 64 * 1024**2}),
    ("shm_size: 1gb", {"shm_size": 1024**3}),
    ("cpus: '1.5'", {"cpus": 1.5}),
    ("scale: 3", {"replicas": 3}),
    ("deploy: {replicas: 2}", {"replicas": 2}),
    ("deploy: {replicas: '${N:-4}'}", {"replicas": 4}),
    (
        "deploy: {resources: {limits: {cpus: '0.5', memory: 32M, pids: 10}, reservations: {memory: 8m}}}",
        {"cpus": 0.5, "mem_limit": 32 * 1024**2, "pids_limit": 10, "mem_reservation": 8 * 1024**2},
    ),
    (
        "deploy: {update_config: {parallelism: 2, delay: 5s, order: start-first}}",
        {"update_config": UpdateConfig(parallelism=2, delay=5.0, order="start-first")},
    ),
    ("depends_on: [app]", {"depends_on": {"app": Dependency()}}),
    (
        "depends_on: {db: {condition: service_healthy, restart: true, required: false}}",
        {"depends_on": {"db": Dependency(condition="service_healthy", restart=True, required=False)}},
    ),
    ("healthcheck: {test: curl -f localhost}", {"healthcheck": Healthcheck(test=("CMD-SHELL", "curl -f localhost"))}),
    ("healthcheck: {disable: true}", {"healthcheck": Healthcheck(test=("NONE",))}),
    ("healthcheck: {interval: 5s}", {"healthcheck": Healthcheck(test=(), interval=5.0)}),
    (
        "healthcheck: {test: [CMD, 'true'], interval: 1h, timeout: 2s, retries: 3, start_period: 1m}",
        {"healthcheck": Healthcheck(test=("CMD", "true"), interval=3600, timeout=2, retries=3, start_period=60)},
    ),
    (
        "ulimits: {nproc: 5, nofile: {soft: 1, hard: 2}}",
        {"ulimits": {"nproc": Ulimit(soft=5, hard=5), "nofile": Ulimit(soft=1, hard=2)}},
    ),
    (
        "logging: {driver: local, options: {max-size: 1m, max-file: 3}}",
        {"logging": Logging(driver="local", options={"max-size": "1m", "max-file": "3"})},
    ),
    ("extra_hosts: ['a:10.0.0.1', 'b=::1']", {"extra_hosts": ("a:10.0.0.1", "b:::1")}),
    ("extra_hosts: {a: 10.0.0.1}", {"extra_hosts": ("a:10.0.0.1",)}),
    ("dns: 10.0.0.1", {"dns": ("10.0.0.1",)}),
    ("sysctls: {net.core.somaxconn: 1024}", {"sysctls": {"net.core.somaxconn": "1024"}}),
    ("user: 1000", {"user": "1000"}),
    ("group_add: [1000, video]", {"group_add": ("1000", "video")}),
    ("privileged: 'true'", {"privileged": True}),
    ("network_mode: none", {"network_mode": "none", "networks": {}}),
    ("x-note: {anything: '${NOT_SET}'}", {}),
]


@pytest.mark.parametrize(("line", "fields"), WORDS, ids=lambda value: str(value)[:40])
def test_a_key_is_normalised(tmp_path: Path, line: str, fields: dict[str, Any]) -> None:
    expected = Service(name="app", image="app:1", networks={"default": ServiceNetwork()})
    text = f"services:\n  app:\n    image: app:1\n    {line}\n"
    assert read(tmp_path, text).services["app"] == replace(expected, **fields)


PORTS = [
    ("80", [PublishedPort(target=80)]),
    ('"8080:80"', [PublishedPort(target=80, published="8080")]),
    ('"127.0.0.1:8080:80/udp"', [PublishedPort(target=80, published="8080", host_ip="127.0.0.1", protocol="udp")]),
    ('"[::1]:8080:80"', [PublishedPort(target=80, published="8080", host_ip="::1")]),
    ('"8001-8002:8000"', [PublishedPort(target=8000, published="8001-8002")]),
    ('"8001-8002:1-2"', [PublishedPort(target=1, published="8001"), PublishedPort(target=2, published="8002")]),
    ('"3000-3001"', [PublishedPort(target=3000), PublishedPort(target=3001)]),
    ("{target: 80, published: 8080, mode: host}", [PublishedPort(target=80, published="8080")]),
    (
        '{target: 80, published: "1-2", host_ip: 10.0.0.1}',
        [PublishedPort(target=80, published="1-2", host_ip="10.0.0.1")],
    ),
]


@pytest.mark.parametrize(("written", "ports"), PORTS, ids=lambda value: str(value)[:30])
def test_a_port_is_normalised(tmp_path: Path, written: str, ports: list[PublishedPort]) -> None:
    assert list(read_service(tmp_path, f"ports: [{written}]").ports) == ports


MOUNTS = [
    ("/data", Mount(type="volume", target="/data")),
    ("data:/data", Mount(type="volume", source="data", target="/data")),
    ("data:/data:ro,nocopy", Mount(type="volume", source="data", target="/data", read_only=True, nocopy=True)),
    ("/etc/a:/b:rslave", Mount(type="bind", source="/etc/a", target="/b", propagation="rslave")),
    ("/var/lib/strata-data:/b", Mount(type="bind", source="/var/lib/strata-data", target="/b")),
    (
        "{type: tmpfs, target: /t, tmpfs: {size: 1m, mode: 01777}}",
        Mount(type="tmpfs", target="/t", tmpfs_size=1024**2, tmpfs_mode=0o1777),
    ),
    (
        "{type: volume, source: data, target: /d, volume: {nocopy: true, subpath: a}}",
        Mount(type="volume", source="data", target="/d", nocopy=True, subpath="a"),
    ),
    (
        "{type: bind, source: /a, target: /b, read_only: true}",
        Mount(type="bind", source="/a", target="/b", read_only=True),
    ),
]


@pytest.mark.parametrize(("written", "mount"), MOUNTS, ids=lambda value: str(value)[:30])
def test_a_volume_is_normalised(tmp_path: Path, written: str, mount: Mount) -> None:
    assert read_service(
        tmp_path, f"volumes: [{written!r}]" if written[0] != "{" else f"volumes: [{written}]"
    ).mounts == (mount,)


def test_tmpfs_stands_after_volumes(tmp_path: Path) -> None:
    service = read_service(tmp_path, "tmpfs: ['/run:size=1m,mode=755']", "volumes: [/a]")
    assert service.mounts == (
        Mount(type="volume", target="/a"),
        Mount(type="tmpfs", target="/run", tmpfs_size=1024**2, tmpfs_mode=0o755),
    )


def test_endpoints_build_secrets_and_top_level_objects_are_read(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "Dockerfile").write_text("FROM scratch\n")
    (tmp_path / "key").write_text("s3cret")
    project = read(
        tmp_path,
        """\
name: shop
services:
  app:
    build: {context: src, args: [A=1], labels: {l: 2}}
    networks: {front: {aliases: [a], ipv4_address: 172.30.0.9, priority: 5}, back: }
    secrets: [key, {source: key, target: k2, uid: "1", mode: 0440}]
    configs: [{source: text, target: /etc/text}]
networks:
  front: {driver_opts: {mtu: 1400}, ipam: {config: [{subnet: 172.30.0.0/24, gateway: 172.30.0.1}]}}
  back: {external: true, name: shared}
volumes:
  data:
  more: {name: exact, driver_opts: {type: nfs}, labels: [a=b]}
secrets:
  key: {file: ./key}
configs:
  text: {content: "hello ${WHO:-you}"}
""",
    )
    app = project.services["app"]
    assert (project.name, app.image) == ("shop", "shop-app")
    assert app.build == Build(context=str(tmp_path / "src"), args={"A": "1"}, labels={"l": "2"})
    assert app.networks == {
        "front": ServiceNetwork(aliases=("a",), ipv4_address="172.30.0.9", priority=5),
        "back": ServiceNetwork(),
    }
    assert app.secrets == (
        FileReference(source="key", target="/run/secrets/key"),
        FileReference(source="key", target="/run/secrets/k2", uid="1", mode=0o440),
    )
    assert app.configs == (FileReference(source="text", target="/etc/text"),)
    assert project.networks == {
        "front": Network(
            name="shop_front",
            driver_opts={"mtu": "1400"},
            ipam=(IpamConfig(subnet="172.30.0.0/24", gateway="172.30.0.1"),),
        ),
        "back": Network(name="shared", external=True),
    }
    assert project.volumes == {
        "data": Volume(name="shop_data"),
        "more": Volume(name="exact", driver_opts={"type": "nfs"}, labels={"a": "b"}),
    }
    assert project.secrets["key"].content == "s3cret"
    assert project.configs["text"].content == "hello you"
    assert "s3cret" not in repr(project)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("$A", "one"),
        ("${A}", "one"),
        ("${A:-x}", "one"),
        ("${E:-x}", "x"),
        ("${E-x}", ""),
        ("${U-x}", "x"),
        ("${U:-${A}/${U:-y}}", "one/y"),
        ("${A:+set}", "set"),
        ("${U+set}", ""),
        ("${A:?needed}", "one"),
        ("$$A", "$A"),
        ("a${U:-}b", "ab"),
        ("${U:-$$}", "$"),
    ],
)
def test_variables_come_from_the_env_file_beside(tmp_path: Path, written: str, value: str) -> None:
    (tmp_path / ".env").write_text("A=one\nE=\n")
    assert read_service(tmp_path, f"hostname: h{written}").hostname == f"h{value}"


def test_variables_do_not_come_from_the_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRATA_SOME", "x")
    (problem,) = problems_of(tmp_path, "services:\n  app:\n    image: ${STRATA_SOME}\n")
    assert (problem.line, problem.path) == (3, "services.app.image")
    assert "variable STRATA_SOME has no value" in problem.message


def test_env_files_come_before_the_environment_and_an_absent_one_may_be_optional(tmp_path: Path) -> None:
    (tmp_path / "a.env").write_text("# note\nexport A='x $y'\nB=\"1\\n2\"\nC=plain # note\nD=${C}!\n")
    lines = ("env_file: [a.env, {path: none.env, required: false}]", "environment: {C: over}")
    service = read_service(tmp_path, *lines)
    assert service.environment == {"A": "x $y", "B": "1\n2", "C": "over", "D": "plain!"}


#: The start of most of them.
APP = "services:\n  app:\n    image: a\n"
BAD = [
    (APP + "    gpus: all  # <-\n", "services.app.gpus", "key 'gpus' is not supported"),
    (APP + "    enviroment: {}  # <-\n", "services.app.enviroment", "did you mean 'environment'?"),
    (APP + "service: {}  # <-\n", "service", "did you mean 'services'?"),
    ("services:\n  app:  # <-\n    command: a\n", "services.app", "'image' or 'build' is required"),
    ("services:\n  app:\n    build: ./nowhere  # <-\n", "services.app.build", "there is no folder"),
    (
        "services:\n  app:\n    build: {context: ., ssh: [default]}  # <-\n    image: a\n",
        "services.app.build.ssh",
        "not supported",
    ),
    ("services:\n  app:\n    image: A b  # <-\n", "services.app.image", "an image reference"),
    (APP + "    ports:\n    - 80\n    - a:b  # <-\n", "services.app.ports.1", "a port like"),
    (APP + "    ports:\n    - '99999:80'  # <-\n", "services.app.ports.0", "1 to 65535"),
    (APP + "    ports:\n    - '1-3:1-2'  # <-\n", "services.app.ports.0", "different lengths"),
    (APP + "    ports:\n    - published: 80  # <-\n", "services.app.ports.0", "'target' is required"),
    (APP + "    ports:\n    - '999.1.1.1:80:80'  # <-\n", "services.app.ports.0", "999.1.1.1"),
    (APP + "    volumes:\n    - ./data:/data  # <-\n", "services.app.volumes.0", "the engine runs in the guest"),
    (
        APP + "    volumes:\n    - {type: bind, source: data, target: /data}  # <-\n",
        "services.app.volumes.0",
        "the engine runs in the guest",
    ),
    (APP + "    volumes:\n    - /var/lib/strata:/b  # <-\n", "services.app.volumes.0", "is in /var/lib/strata of"),
    (APP + "    volumes:\n    - //var/lib/strata/pg:/b  # <-\n", "services.app.volumes.0", "is in /var/lib/strata of"),
    (
        APP + "    volumes:\n    - {type: bind, source: /srv/../var/lib/strata/p/c/f, target: /b}  # <-\n",
        "services.app.volumes.0",
        "Choose another path",
    ),
    (APP + "    volumes:\n    - a:b  # <-\n", "services.app.volumes.0", "must be a path that starts with /"),
    (APP + "    volumes:\n    - /a:/b:y  # <-\n", "services.app.volumes.0", "option 'y' is not supported"),
    (APP + "    volumes:\n    - /x\n    - /y:/x  # <-\n", "services.app.volumes.1", "mounted on twice"),
    (APP + "    tmpfs: run  # <-\n", "services.app.tmpfs", "starts with /"),
    (APP + "    mem_limit: lots  # <-\n", "services.app.mem_limit", "'lots' is not a size"),
    (APP + "    stop_grace_period: 10  # <-\n", "services.app.stop_grace_period", "a duration like"),
    (APP + "    stop_grace_period: 10 s  # <-\n", "services.app.stop_grace_period", "not a duration"),
    (APP + "    restart: sometimes  # <-\n", "services.app.restart", "unless-stopped"),
    (APP + "    read_only: 1  # <-\n", "services.app.read_only", "true or false"),
    (APP + "    environment: text  # <-\n", "services.app.environment", "NAME=value"),
    (APP + "    environment:\n      A:  # <-\n", "services.app.environment.A", "A has no value"),
    (APP + "    command: 'a \"b'  # <-\n", "services.app.command", "cannot be split"),
    (APP + "    healthcheck:\n      test: [curl]  # <-\n", "services.app.healthcheck.test", "CMD-SHELL"),
    (APP + "    deploy:\n      placement: {}  # <-\n", "services.app.deploy.placement", "not supported"),
    (APP + "    deploy:\n      replicas: -1  # <-\n", "services.app.deploy.replicas", "at least 0"),
    (APP + "    scale: 2  # <-\n    deploy: {replicas: 3}\n", "services.app.scale", "differs from deploy.replicas"),
    (APP + "    network_mode: host  # <-\n    networks: [x]\n", "services.app.network_mode", "exclude each other"),
    (
        APP + "    depends_on:\n      db: {condition: soon}  # <-\n",
        "services.app.depends_on.db.condition",
        "service_healthy",
    ),
    (APP + "    networks:\n      n: {ipv4_address: x}  # <-\n", "services.app.networks.n.ipv4_address", "'x'"),
    (APP + "    env_file: none.env  # <-\n", "services.app.env_file", "there is no file"),
    ("services:\n  app:\n    image: ${  # <-\n", "services.app.image", "write $$"),
    ("services:\n  app:\n    image: '${A:?set me}'  # <-\n", "services.app.image", "set me"),
    ("services:  # <-\n", "", "'services' is required"),
    ("services: [a]  # <-\n", "services", "a mapping (key: value); it is a list"),
    (
        APP + "networks:\n  n: {ipam: {config: [{subnet: 10.0.0.1/8}]}}  # <-\n",
        "networks.n.ipam.config.0.subnet",
        "host bits",
    ),
    (APP + "volumes:\n  v: {external: true, driver: x}  # <-\n", "volumes.v.driver", "somebody else"),
    (APP + "secrets:\n  s: {external: true}  # <-\n", "secrets.s.external", "use 'file'"),
    (APP + "secrets:\n  s: {file: none}  # <-\n", "secrets.s.file", "cannot be read"),
    (APP + "configs:\n  c: {environment: NONE}  # <-\n", "configs.c.environment", "has no value"),
    (APP + "    image: b  # <-\n", "services.app.image", "is there already, in line 3"),
    ("services:\n  app:\n    image: !secret a  # <-\n", "services.app.image", "tag !secret is not supported"),
]


@pytest.mark.parametrize(("text", "path", "message"), BAD, ids=lambda value: str(value)[-45:])
def test_a_mistake_is_named_with_its_line_and_path(tmp_path: Path, text: str, path: str, message: str) -> None:
    line = next(number for number, line in enumerate(text.splitlines(), 1) if line.endswith("# <-"))
    found = problems_of(tmp_path, text)
    assert found, path
    assert any(
        (problem.line, problem.path) == (line if path else 1, path) and message in problem.message for problem in found
    ), "\n".join(map(str, found))
    assert {problem.line for problem in found} <= {line, 1}


def test_no_message_shows_a_secret(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text('PASSWORD=\'hunter2\nTOKEN="${hunter2"\n')
    found = problems_of(tmp_path, "services:\n  app:\n    image: a\n    environment: {P: [hunter2]}\n")
    assert len(found) == 3
    assert "hunter2" not in "".join(map(str, found))


def test_the_obsolete_version_and_extensions_have_no_effect(tmp_path: Path) -> None:
    text = 'version: "3.9"\nx-base: &base {image: app:1}\nservices:\n  app: {<<: *base, tty: true}\n'
    service = read(tmp_path, text).services["app"]
    assert (service.image, service.tty) == ("app:1", True)
