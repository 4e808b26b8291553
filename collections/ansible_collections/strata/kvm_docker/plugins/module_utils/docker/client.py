# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Docker SDK's client, with what is slow or endless in it put right."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from .errors import engine_errors

if TYPE_CHECKING:
    import docker
    from requests import PreparedRequest, Response

#: Connections kept alive per engine: one for each thread of the executor.
POOL_SIZE = 16

#: Seconds without a byte until a call is given up. A dead guest is noticed by SSH long before; what takes this long
#: is an engine at work, e.g. one that unpacks a large layer under software emulation.
SILENCE = 300


def connect(base_url: str, what: str = "engine") -> docker.APIClient:
    """A client of the engine at *base_url* (``unix:///run/docker.sock``), its API version negotiated.

    Raises :class:`EngineError` when it does not answer; *what* names it there.
    """
    from docker.constants import DEFAULT_DOCKER_API_VERSION

    def client(version: str) -> docker.APIClient:
        made = _client()(base_url=base_url, version=version, timeout=SILENCE, max_pool_size=POOL_SIZE)
        made.trust_env = False
        _share_connections(made)
        return made

    with engine_errors(what, url=base_url), client(DEFAULT_DOCKER_API_VERSION) as anyone:
        return client(ping(anyone)["Api-Version"])


def ping(client: docker.APIClient) -> Mapping[str, str]:
    """Versions in the headers of the cheapest answer; ``/version`` asks every component of the engine."""
    answer = client.get(f"{client.base_url}/_ping")
    answer.raise_for_status()
    return answer.headers


@cache
def _client() -> type[docker.APIClient]:
    import docker

    class Client(docker.APIClient):
        """Gives up a pull whose registry never answers; the SDK would wait for ever."""

        def send(self, request: PreparedRequest, **options: Any) -> Response:
            if request.path_url.partition("?")[0].endswith("/images/create"):
                options["timeout"] = SILENCE
            return super().send(request, **options)

        def inspect_container(self, container: Any) -> Any:
            """What is asked for every container of a run is sent by the pool of connections itself: requests takes four
            times as long as the engine (measured)."""
            adapter: Any = self.get_adapter(self.base_url)
            pool = adapter.get_connection(self.base_url)
            path = f"/v{self.api_version}/containers/{quote(container, safe='')}/json"
            answer = pool.request("GET", path, timeout=SILENCE)
            if answer.status != 200:
                return super().inspect_container(container)  # it words the error
            return json.loads(answer.data)

    return Client


def _share_connections(client: docker.APIClient) -> None:
    """Keep connections alive from call to call. The SDK has a pool of them for each URL, so that a call of another URL,
    e.g. the inspection of the next container, connects anew; one pool serves all.
    """
    adapter: Any = client.get_adapter(client.base_url)
    pool_of = adapter.get_connection
    adapter.get_connection = lambda url, proxies=None: pool_of(client.base_url, proxies)
