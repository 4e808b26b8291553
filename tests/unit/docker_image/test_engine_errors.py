# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the SDK raises, as one message of our family."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.client import connect
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.errors import engine_errors
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import EngineError, ImageError
from docker.errors import APIError, NotFound
from requests.exceptions import ConnectionError as RequestsConnectionError
from urllib3.exceptions import ProtocolError


def test_the_engines_own_words_follow_the_name_of_the_object() -> None:
    with (
        pytest.raises(EngineError, match=r"^network a of guest web: pool overlaps$"),
        engine_errors("network a of guest web"),
    ):
        raise APIError("500 Server Error for http+docker://...", explanation="pool overlaps")


def test_an_engine_that_hangs_up_is_told_as_such() -> None:
    with pytest.raises(EngineError, match=r"^guest web: the engine does not answer"), engine_errors("guest web"):
        raise RequestsConnectionError("Connection aborted")


def test_a_local_file_that_cannot_be_read_is_not_the_engine_s_fault(tmp_path: Path) -> None:
    def read() -> None:
        with engine_errors("image app:1"):
            (tmp_path / "Dockerfile").read_bytes()

    with pytest.raises(EngineError, match=r"^image app:1: .*/Dockerfile: No such file or directory\. Run again"):
        read()


def test_the_caller_chooses_the_family_and_our_own_errors_pass() -> None:
    with pytest.raises(ImageError, match="x: gone"), engine_errors("x", ImageError):
        raise NotFound("404", explanation="gone")
    with pytest.raises(ImageError, match=r"^as it is$"), engine_errors("x"):
        raise ImageError("as it is")


def test_a_socket_where_nobody_listens_ends_in_one_message_that_names_it(tmp_path: Path) -> None:
    url = f"unix://{tmp_path}/none.sock"
    with pytest.raises(EngineError) as raised:
        connect(url, "engine of guest web")
    said = f"the engine does not answer at {url} (No such file or directory). Is it up? Run again."
    assert str(raised.value) == f"engine of guest web: {said}"


def test_an_engine_that_refuses_a_user_says_who_may_use_it() -> None:
    refused = RequestsConnectionError(ProtocolError("Connection aborted.", PermissionError(13, "Permission denied")))
    with pytest.raises(EngineError) as raised, engine_errors("engine", url="unix:///run/docker.sock"):
        raise refused
    assert str(raised.value) == (
        "engine: no permission to use the engine at unix:///run/docker.sock. "
        "Be a member of the group docker, or root (become: true)."
    )
