# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest.console import given_up, plain, tail

BOOTING = (
    "[    0.000000] Linux version 6.12.0-amd64 (debian-kernel@lists.debian.org)\n[    1.2] virtio_blk virtio1: [vda]\n"
)


@pytest.mark.parametrize(
    "line",
    [
        "[    1.234567] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)",
        "[   70.207903] Kernel panic - not syncing: Fatal exception in interrupt",
        "No bootable device.",
        "Boot failed: not a bootable disk",
        "BdsDxe: No bootable option or device was found.",
        "Gave up waiting for root file system device.  Common problems:",
        "(initramfs) ",
        "grub rescue> ",
        'You are in emergency mode. After logging in, type "journalctl -xb" to view',
    ],
)
def test_a_boot_that_has_ended_for_good_is_recognised_by_its_line(line: str) -> None:
    assert given_up(f"{BOOTING}{line}\nmore\n") == line.strip()


@pytest.mark.parametrize(
    "text",
    [
        "",
        BOOTING,
        f"{BOOTING}[    2.0] systemd[1]: Started ssh.service - OpenBSD Secure Shell server.\n",
        f"{BOOTING}[    2.0] Command line: root=/dev/vda panic=-1\n",
    ],
)
def test_a_boot_under_way_is_not_taken_for_a_failed_one(text: str) -> None:
    assert given_up(text) is None


def test_the_panic_of_an_earlier_boot_does_not_count() -> None:
    panic = "[    9.9] Kernel panic - not syncing: Fatal exception\n"
    assert given_up(f"{BOOTING}{panic}{BOOTING}") is None
    assert given_up(f"{BOOTING}{panic}SeaBIOS (version 1.16.2)\nBooting from Hard Disk...\n") is None


def test_escape_sequences_and_control_characters_are_taken_out() -> None:
    said = "\x1bc\x1b[?7l\x1b[2J\x1b[0;32m  OK  \x1b[0m] Started \x1b]0;title\x07ssh\x00\x08.\r\nGrüße\r\n\x9b\x1b(B"
    assert plain(said) == "  OK  ] Started ssh.\nGrüße\n"


def test_the_tail_is_the_last_lines_that_say_something() -> None:
    text = "".join(f"line {number}\n\n" for number in range(40))
    assert tail(text, 2) == "line 38\nline 39"
    assert len(tail(text).splitlines()) == 15


def test_the_tail_leaves_out_what_systemd_repeats_while_it_waits() -> None:
    waiting = "\x1bM\r\x1b[K[ \x1b[0;31m*\x1b[0;1;31m*\x1b[0m\x1b[0;31m*  \x1b[0m] Job dev-vdz.device/start running\r\n"
    assert tail(plain(f"[  OK  ] Mounted /home.\r\n{waiting * 3}")) == "[  OK  ] Mounted /home."
