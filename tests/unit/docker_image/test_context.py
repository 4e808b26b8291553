# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build contexts: equal content makes an equal archive and digest, any other content another."""

from __future__ import annotations

import io
import os
import socket
import tarfile
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.compose import Build
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.context import (
    DOCKERFILE,
    Context,
    open_context,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import ImageError
from hypothesis import given, settings
from hypothesis import strategies as st

names = st.text("abcAé-", min_size=1, max_size=4)
contents = st.binary(max_size=2000)
trees = st.dictionaries(
    names.map("d/{}".format) | names, st.tuples(contents, st.booleans()), min_size=1, max_size=6
).filter(lambda tree: "d" not in tree)


def write(folder: Path, tree: dict[str, tuple[bytes, bool]]) -> None:
    for name, (content, executable) in tree.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        path.chmod(0o755 if executable else 0o644)


def digest(folder: Path, build: Build | None = None, **sources: str) -> str:
    build = build or Build(context=str(folder), dockerfile_inline="FROM scratch\n")
    return open_context(build).digest(build, sources)


def digest_of(tree: dict[str, tuple[bytes, bool]], reverse: bool = False, mtime: int = 0, umask: int = 0) -> str:
    """The digest of a folder that holds *tree*, made in one or the other order, at a time, under a umask."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder, dict(sorted(tree.items(), reverse=reverse)))
        for path in folder.rglob("*"):
            path.chmod(path.stat().st_mode & ~umask)
            os.utime(path, (mtime, mtime))
        return digest(folder)


def members(context: Context) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(b"".join(context.archive()))) as archive:
        return {member.name: member for member in archive}


@settings(deadline=None)
@given(trees, st.integers(0, 2**31), st.sampled_from([0, 0o027, 0o077]))
def test_time_order_and_umask_do_not_count(tree: dict[str, tuple[bytes, bool]], mtime: int, umask: int) -> None:
    assert digest_of(tree) == digest_of(tree, reverse=True, mtime=mtime, umask=umask)


@settings(deadline=None)
@given(trees, contents, st.data())
def test_other_content_another_name_or_the_executable_bit_count(
    tree: dict[str, tuple[bytes, bool]], content: bytes, data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(sorted(tree)))
    was, executable = tree[name]
    renamed = {f"{other}x" if other == name else other: entry for other, entry in tree.items()}
    if content != was:
        assert digest_of({**tree, name: (content, executable)}) != digest_of(tree)
    if f"{name}x" not in tree:
        assert digest_of(renamed) != digest_of(tree)
    assert digest_of({**tree, name: (was, not executable)}) != digest_of(tree)


@settings(deadline=None)
@given(trees)
def test_the_archive_holds_the_folder(tree: dict[str, tuple[bytes, bool]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        write(Path(name), tree)
        build = Build(context=name, dockerfile_inline="FROM scratch\n")
        archive = b"".join(open_context(build).archive())
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        for path, (content, executable) in tree.items():
            stream = opened.extractfile(path)
            assert stream
            assert stream.read() == content
            assert opened.getmember(path).mode == (0o755 if executable else 0o644)


def test_the_options_of_the_build_and_its_bases_count(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM x AS a\n")
    (tmp_path / "Other").write_text("FROM y AS a\n")
    plain = Build(context=str(tmp_path))
    variants = [
        digest(tmp_path, plain),
        digest(tmp_path, plain, x="archive:1"),
        digest(tmp_path, plain, x="archive:2"),
        digest(tmp_path, replace(plain, args={"a": "1"})),
        digest(tmp_path, replace(plain, labels={"a": "1"})),
        digest(tmp_path, replace(plain, target="a")),
        digest(tmp_path, replace(plain, dockerfile="Other")),
    ]
    assert len(set(variants)) == len(variants)


def test_the_place_of_the_folder_does_not_count(tmp_path: Path) -> None:
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "Dockerfile").write_text("FROM scratch\n")
    here, there = (Build(context=str(tmp_path / name)) for name in ("here", "there"))
    assert digest(tmp_path, here) == digest(tmp_path, there)


def test_dockerignore_is_obeyed_with_exceptions_and_case(tmp_path: Path) -> None:
    write(tmp_path, dict.fromkeys(("a.log", "keep.log", "A.LOG", "d/b.log", "d/c"), (b"", False)))
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    (tmp_path / ".dockerignore").write_text("# comment\n\n*.log\n**/*.log\n!keep.log\nDockerfile\n")
    found = members(open_context(Build(context=str(tmp_path))))
    assert set(found) == {"keep.log", "A.LOG", "d", "d/c", DOCKERFILE, ".dockerignore"}


def test_the_ignore_file_of_a_dockerfile_comes_first(tmp_path: Path) -> None:
    write(tmp_path, {"a": (b"", False), "b": (b"", False)})
    (tmp_path / "web.Dockerfile").write_text("FROM scratch\n")
    (tmp_path / ".dockerignore").write_text("a\n")
    (tmp_path / "web.Dockerfile.dockerignore").write_text("b\n")
    found = open_context(Build(context=str(tmp_path), dockerfile="web.Dockerfile")).paths
    assert "a" in found
    assert "b" not in found


def test_symbolic_links_are_kept_as_they_are_even_when_they_lead_nowhere(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    (tmp_path / "nowhere").symlink_to("/not/there")
    (tmp_path / "folder").symlink_to("/etc")
    found = members(open_context(Build(context=str(tmp_path))))
    assert found["nowhere"].linkname == "/not/there"
    assert found["folder"].issym()


def test_a_dockerfile_outside_of_the_context_is_sent_along(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    (tmp_path / "app").mkdir()
    context = open_context(Build(context=str(tmp_path / "app"), dockerfile="../Dockerfile"))
    assert set(members(context)) == {DOCKERFILE, ".dockerignore"}
    assert context.dockerfile == "FROM scratch\n"


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (Build(context="/not/there"), "build context /not/there: no such folder"),
        (Build(context="/etc/hostname"), "is not a folder"),
        (Build(context="/etc", dockerfile="Missing"), "/etc/Missing: cannot be read"),
    ],
)
def test_what_is_not_there_is_told_by_its_path(build: Build, words: str) -> None:
    with pytest.raises(ImageError, match=words):
        open_context(build)


def test_a_binary_dockerfile_is_refused(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ImageError, match="not text"):
        open_context(Build(context=str(tmp_path)))


def test_sockets_do_not_count_and_pipes_are_refused(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    before = digest(tmp_path, Build(context=str(tmp_path)))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        assert digest(tmp_path, Build(context=str(tmp_path))) == before
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ImageError, match=r"pipe: neither file, folder nor symbolic link"):
        digest(tmp_path, Build(context=str(tmp_path)))


def test_a_file_that_vanishes_or_shrinks_while_it_is_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    (tmp_path / "big").write_bytes(bytes(3 << 20))
    build = Build(context=str(tmp_path))
    chunks = open_context(build).archive()
    while len(next(chunks)) < 1 << 20:
        pass
    os.truncate(tmp_path / "big", 0)
    with pytest.raises(ImageError, match="changed while"):
        list(chunks)
    context = open_context(build)
    (tmp_path / "big").unlink()
    with pytest.raises(ImageError, match="big: cannot be read"):
        context.digest(build, {})


def test_what_is_sent_is_what_was_digested_with_another_dockerfile_or_ends_before_its_last_chunks(
    tmp_path: Path,
) -> None:
    (tmp_path / "main").write_text("one")
    build = Build(context=str(tmp_path), dockerfile_inline="FROM base\n")
    sources = {"base": "archive:sha256:1"}
    digested = open_context(build).digest(build, sources)

    def sent(**options: str) -> bytes:
        now = replace(build, **options)
        return b"".join(open_context(now).archive_of(digested, now, sources, "FROM other\n"))

    other = replace(build, dockerfile_inline="FROM other\n")
    assert sent() == b"".join(open_context(other).archive())
    with pytest.raises(ImageError, match=f"build context {tmp_path} changed while the run was under way. Run again"):
        sent(dockerfile_inline="FROM base\nLABEL a=b\n")
    (tmp_path / "main").write_text("two")
    got: list[bytes] = []
    with pytest.raises(ImageError, match="changed while"):
        got.extend(open_context(build).archive_of(digested, build, sources, "FROM other\n"))
    assert b"two" in got
    assert b"FROM other\n" not in b"".join(got)


def test_no_more_than_a_chunk_is_held(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    (tmp_path / "big").write_bytes(bytes(5 << 20))
    assert max(map(len, open_context(Build(context=str(tmp_path))).archive())) <= 1 << 20
