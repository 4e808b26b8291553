# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import ImageError
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest import apt_sources, mmdebstrap
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest.apt_sources import _entries
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest.dpkg_status import closure, read_status
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest.image_slim import slim
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest.install_meter import InstallMeter
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest.mmdebstrap import Bootstrap, explain

WHAT = Bootstrap(suite="trixie", packages=("redis-server",))

TARGETS = """\
Debian|http://mirror/debian/|bookworm|main
Debian|http://mirror/debian/|bookworm|contrib
Debian|http://mirror/debian/|bookworm-updates|main
Debian|http://mirror/debian/|bookworm-backports|main
Debian|http://mirror/security/|bookworm-security|main
Vendor|http://vendor/apt/|bookworm|main
Debian|http://mirror/debian/|sid|main
"""

STATUS = """\
Package: app
Status: install ok installed
Version: 1.0-1
Depends: libapp1 (>= 1.0), web-server | nginx, adduser

Package: libapp1
Status: install ok installed
Version: 1.0-1
Pre-Depends: libc6
Description: a library
 that Depends: nothing-of-this

Package: lighttpd
Status: install ok installed
Version: 1.4
Provides: web-server, httpd (= 1.4)

Package: adduser
Status: install ok installed
Version: 3
Depends: perl-base

Package: perl-base
Status: install ok installed
Version: 5

Package: libc6
Status: install ok installed
Version: 2.41

Package: gone
Status: deinstall ok config-files
Version: 1
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    info = tmp_path / "var/lib/dpkg/info"
    info.mkdir(parents=True)
    (tmp_path / "var/lib/dpkg/status").write_text(STATUS)
    (tmp_path / "usr/bin").mkdir(parents=True)
    (tmp_path / "usr/share/perl").mkdir(parents=True)
    for package, paths in {
        "app": ["/usr", "/usr/bin", "/usr/bin/app", "/usr/share"],
        "perl-base:amd64": ["/usr", "/usr/bin", "/usr/bin/perl", "/usr/share", "/usr/share/perl", "/usr/share/perl/x"],
    }.items():
        (info / f"{package}.list").write_text("/.\n" + "".join(f"{path}\n" for path in paths))
    for path in ("usr/bin/app", "usr/bin/perl", "usr/share/perl/x"):
        (tmp_path / path).touch()
    return tmp_path


def test_the_sources_of_another_suite_follow_from_those_of_this_machine() -> None:
    assert list(_entries("trixie", "bookworm", TARGETS)) == [
        "deb http://mirror/debian/ trixie main",
        "deb http://mirror/debian/ trixie-updates main",
        "deb http://mirror/security/ trixie-security main",
    ]


def test_a_declared_mirror_is_the_only_source() -> None:
    assert apt_sources.apt_sources("trixie", "http://mine/debian") == ("deb http://mine/debian trixie main",)


def test_a_machine_without_a_debian_archive_is_told_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apt_sources, "_index_targets", lambda: "Vendor|http://vendor/apt/|bookworm|main\n")

    with pytest.raises(ImageError, match=r"(?s)no Debian archive.*build\.mirror"):
        apt_sources.apt_sources("trixie", None)


def test_an_unknown_package_is_named() -> None:
    output = ["Reading package lists...", "E: Unable to locate package redis-sevrer", "E: run_chroot failed"]

    assert explain(WHAT, output).splitlines()[0] == "suite trixie has no package redis-sevrer."


def test_a_full_disk_is_told_as_such() -> None:
    output = ["dpkg: error processing archive x.deb: write: No space left on device", "E: apt failed"]

    assert "disk became full" in explain(WHAT, output)


def test_another_failure_shows_its_error_lines() -> None:
    output = ["Get:1 http://mirror trixie", "Err:1 http://mirror trixie InRelease", "E: apt-get update failed"]

    message = explain(WHAT, output)

    assert "Err:1 http://mirror trixie InRelease\nE: apt-get update failed" in message
    assert "Get:1" not in message


def test_a_missing_mmdebstrap_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def missing(*_args: object, **_kwargs: object) -> None:
        raise FileNotFoundError(2, "No such file or directory", "nice")

    monkeypatch.setattr(mmdebstrap, "_argv", lambda what, target: ["nice"])
    monkeypatch.setattr(mmdebstrap, "_proxies", lambda: iter(()))
    monkeypatch.setattr(subprocess, "Popen", missing)

    with pytest.raises(ImageError, match="Install the package mmdebstrap"):
        mmdebstrap.bootstrap(WHAT, tmp_path / "tree", lambda message, fraction: None)


def test_progress_goes_from_nothing_to_all_and_never_back() -> None:
    meter = InstallMeter()
    lines = [
        "0 upgraded, 2 newly installed, 0 to remove and 0 not upgraded.",
        *("Get:1 x", "Get:2 y", "Setting up x (1) ...", "Setting up y (1) ..."),
        "0 upgraded, 3 newly installed, 0 to remove and 0 not upgraded.",
        *("Get:1 a", "Get:2 b", "Get:3 c", "Setting up a (1) ...", "Setting up b (1) ...", "Setting up c (1) ..."),
    ]

    fractions = [meter.fraction for line in lines if meter.feed(line)]

    assert fractions == sorted(fractions)
    assert fractions[-1] == pytest.approx(1.0)
    assert meter.message == "Setting up c (1)"


def test_progress_ignores_what_tells_nothing() -> None:
    assert not InstallMeter().feed("Reading package lists...")


def test_only_installed_packages_count(tree: Path) -> None:
    packages = read_status(tree)

    assert sorted(packages) == ["adduser", "app", "libapp1", "libc6", "lighttpd", "perl-base"]
    assert packages["libapp1"].needs == {"libc6"}
    assert packages["lighttpd"].provides == {"web-server", "httpd"}


def test_dependencies_are_followed_through_virtual_packages_but_not_through_those_left_out(tree: Path) -> None:
    kept = closure(read_status(tree), ["app"], frozenset({"adduser"}))

    assert kept == {"app", "libapp1", "libc6", "lighttpd"}


def test_slimming_removes_what_nobody_needs_and_keeps_shared_folders(tree: Path) -> None:
    slim(tree, ["app"])

    assert (tree / "usr/bin/app").exists()
    assert not (tree / "usr/bin/perl").exists()
    assert not (tree / "usr/share/perl").exists()
    assert (tree / "usr/share").exists()


def test_after_slimming_dpkg_lists_what_is_there(tree: Path) -> None:
    slim(tree, ["app"])

    assert sorted(read_status(tree)) == ["app", "libapp1", "libc6", "lighttpd"]


def test_what_is_asked_for_by_name_stays_even_if_it_only_serves_to_install(tree: Path) -> None:
    slim(tree, ["app", "perl-base=5"])

    assert (tree / "usr/bin/perl").exists()
