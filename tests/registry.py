# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Registries of a test's own, beside the lab's engine: Debian's docker-registry, and one that answers badly.

The package is unpacked, not installed: installed, it starts a service where systemd runs.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm import processes
from lab import LabEngine

#: A command line, run in some network namespace.
Inside: TypeAlias = Callable[[Sequence[str]], list[str]]

USER, PASSWORD = "reader", "open-sesame-4711"
#: ``htpasswd -B`` of the two, cost 5.
_HTPASSWD = "reader:$2b$05$JjGbQUHLoTFBsgRWijcyNucwvl6RTzn9txoNnHEIKMR/bdTvL3tY6\n"

_CONFIG = """
version: 0.1
log: {{level: error}}
storage: {{filesystem: {{rootdirectory: {root}/data}}, delete: {{enabled: true}}}}
http: {{addr: "{address}"}}
"""
_AUTH = "auth: {{htpasswd: {{realm: test, path: {root}/htpasswd}}}}\n"

#: Below /v2/<what>/ it answers with that status, or not at all.
_FAULTY = """
import http.server, sys, time
class Faulty(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        what = self.path.split("/")[2]
        if what == "hang":
            time.sleep(600)
        self.send_response(int(what or 200))
        self.send_header("Content-Length", "0")
        self.end_headers()
    do_HEAD = do_GET
    def log_message(self, *words): pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Faulty).serve_forever()
"""


#: Gives a manifest of a repository one more tag, so that the engine's own names need not be touched.
_RETAG = """
import base64, sys, urllib.request
repository, old, new, login = sys.argv[1:]
kind = "application/vnd.docker.distribution.manifest.v2+json"
def call(tag, method, body=None):
    request = urllib.request.Request(f"http://{repository}/manifests/{tag}", body, method=method, headers={
        "Accept": kind, "Content-Type": kind, "Authorization": "Basic " + base64.b64encode(login.encode()).decode()})
    return urllib.request.urlopen(request).read()
call(new, "PUT", call(old, "GET"))
"""


@dataclass(frozen=True, slots=True)
class Registry:
    """Listens on the loopback of the engine's namespace; dockerd needs no setting for that."""

    address: str
    engine: LabEngine
    client: Any

    def push(self, image: str, repository: str, tag: str) -> str:
        """Have *image* of the engine under *tag*, as if another machine had pushed it; its digest in the registry."""
        name, passing = f"{self.address}/{repository}", f"passing-{tag}"
        self.client.tag(image, name, passing)
        credentials = {"username": USER, "password": PASSWORD}
        events = list(self.client.push(name, passing, stream=True, decode=True, auth_config=credentials))
        assert not [event for event in events if "error" in event], events
        self.client.remove_image(f"{name}:{passing}")
        url = f"{self.address}/v2/{repository}"
        retag = [sys.executable, "-c", _RETAG, url, passing, tag, f"{USER}:{PASSWORD}"]
        subprocess.run(self.engine.inside(retag), check=True)
        return str(next(event["aux"]["Digest"] for event in events if "aux" in event))


@contextmanager
def registry(engine: LabEngine, program: Path, port: int, password: bool = False) -> Iterator[Registry]:
    """A registry that runs while the block does."""
    address = f"127.0.0.1:{port}"
    with (
        tempfile.TemporaryDirectory(prefix="registry-") as folder,
        served(engine.inside, program, Path(folder), address, password),
    ):
        client = engine.client()
        yield Registry(address, engine, client)
        client.close()


@contextmanager
def served(inside: Inside, program: Path, root: Path, address: str, password: bool = False) -> Iterator[None]:
    """What is in the folder *root* as a registry at *address* of the namespace that *inside* leads to."""
    (root / "htpasswd").write_text(_HTPASSWD)
    text = _CONFIG + (_AUTH if password else "")
    (root / "config.yml").write_text(text.format(root=root, address=address))
    argv = [str(program), "serve", str(root / "config.yml")]
    with _running(inside, argv, root, int(address.rpartition(":")[2])):
        yield


@contextmanager
def faulty_registry(engine: LabEngine, port: int) -> Iterator[str]:
    """The address of a server that fails as the name of the repository says: ``500/x``, ``hang/x``."""
    argv = [sys.executable, "-c", _FAULTY, str(port)]
    with tempfile.TemporaryDirectory(prefix="registry-") as folder, _running(engine.inside, argv, Path(folder), port):
        yield f"127.0.0.1:{port}"


@contextmanager
def _running(inside: Inside, argv: list[str], root: Path, port: int) -> Iterator[None]:
    process = processes.spawn(inside(argv), root / "pid", root / "log")
    try:
        _await(lambda: _listens(inside, port), lambda: (root / "log").read_text())
        yield
    finally:
        processes.terminate([process])


def _listens(inside: Inside, port: int) -> bool:
    probe = ["sh", "-c", f"grep -q ':{port:04X} 00000000:0000 0A' /proc/net/tcp"]
    return subprocess.run(inside(probe), check=False).returncode == 0


def _await(condition: Callable[[], bool], words: Callable[[], str]) -> None:
    until = time.monotonic() + 20
    while not condition():
        if time.monotonic() > until:
            raise RuntimeError("the registry did not start:\n" + words())
        time.sleep(0.1)
