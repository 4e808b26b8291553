# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How often an engine is connected to, counted on a socket that answers as an engine does."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingMixIn, UnixStreamServer
from typing import Any

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.client import connect


class Answers(BaseHTTPRequestHandler):
    """Any inspection of a container, with its own id."""

    protocol_version = "HTTP/1.1"
    server: Any

    def setup(self) -> None:
        self.server.connections.append(threading.get_ident())
        super().setup()

    def do_GET(self) -> None:
        body = json.dumps({"Id": self.path.split("/")[-2]}).encode()
        self.send_response(200)
        self.send_header("Api-Version", "1.41")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is logged."""


class AnsweringEngine(ThreadingMixIn, UnixStreamServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, path: Path) -> None:
        super().__init__(str(path), Answers)
        self.connections: list[int] = []


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[AnsweringEngine]:
    with AnsweringEngine(tmp_path / "engine.sock") as server:
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        yield server
        server.shutdown()
        serving.join()


def test_calls_one_after_the_other_share_a_connection(engine: AnsweringEngine) -> None:
    with connect(f"unix://{engine.server_address}") as client:
        engine.connections.clear()
        found = [client.inspect_container(f"c{number}")["Id"] for number in range(50)]
    assert found == [f"c{number}" for number in range(50)]
    assert len(engine.connections) == 1


def test_threads_take_no_more_connections_than_they_are(engine: AnsweringEngine) -> None:
    with connect(f"unix://{engine.server_address}") as client, ThreadPoolExecutor(4) as pool:
        engine.connections.clear()
        found = [item["Id"] for item in pool.map(client.inspect_container, [f"c{number}" for number in range(100)])]
    assert found == [f"c{number}" for number in range(100)]
    assert len(engine.connections) <= 4
