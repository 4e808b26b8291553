# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The power of domains that change state while they are asked, which a real one does too seldom to wait for."""

from __future__ import annotations

from dataclasses import dataclass

import libvirt
import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm import domain as power


def refused(code: int) -> libvirt.libvirtError:
    error = libvirt.libvirtError("refused")
    error.err = (code, 0, "Requested operation is not valid: domain is not running", 0, "", "", "", 0, 0)
    return error


@dataclass
class Ending:
    """A domain of which libvirt says that it runs for so many more *looks*, while it refuses to touch it as off."""

    looks: int
    active: bool = False
    pressed: int = 0

    def state(self) -> tuple[int, int]:
        self.looks -= 1
        return (libvirt.VIR_DOMAIN_SHUTDOWN if self.looks > 0 else libvirt.VIR_DOMAIN_SHUTOFF), 0

    def isActive(self) -> int:
        return int(self.active)

    def shutdown(self) -> None:
        self.pressed += 1
        raise refused(libvirt.VIR_ERR_OPERATION_INVALID)

    destroy = shutdown

    def hasManagedSaveImage(self) -> int:
        return 0


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(power, "_LOOK", 0.0)


def test_a_domain_that_ends_while_its_button_is_pressed_is_shut_down() -> None:
    domain = Ending(looks=5)
    assert power.shut_down(domain)
    assert domain.pressed == 1


def test_a_domain_that_refuses_the_button_although_it_is_on_is_an_error() -> None:
    with pytest.raises(libvirt.libvirtError):
        power.shut_down(Ending(looks=5, active=True))


def test_power_is_not_cut_twice_where_it_goes_by_itself() -> None:
    domain = Ending(looks=5)
    power.cut_power(domain)
    assert domain.pressed == 0
