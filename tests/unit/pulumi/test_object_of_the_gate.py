# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the resource Object takes, compares and tells, without any provider or daemon."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import StrataError
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Declared, Key, Observed
from ansible_collections.strata.kvm_docker.plugins.module_utils.resources import effect, plan
from strata_pulumi.gate import object as pure
from strata_pulumi.gate.option import path_in
from strata_pulumi.gate.properties import Properties
from strata_pulumi.gate.resource import Difference

KEY = Key("engine", "docker", "web")
SPEC: dict[str, Any] = {"settings": {"log-driver": "local", "http-proxy": "http://me:s3cret@proxy"}, "noted": True}
HIDDEN = frozenset({("spec", "settings", "http-proxy")})
PLACE = {"declaration": "/d.yml", "environment": "lab", "kind": "engine", "name": "docker", "guest": "web"}


def given(spec: Any = None, hidden: Any = HIDDEN, **more: Any) -> Properties:
    return Properties(known={**PLACE, "spec": SPEC if spec is None else spec, **more}, hidden=hidden)


def looked(now: Observed) -> Properties:
    """What a refresh finds where *now* is what there is."""
    return pure.seen(given(), given(made="first"), plan([pure.aim(given()).declared], [now], effect), {})


def disk(size: int) -> Properties:
    place = {"declaration": "/d.yml", "environment": "lab", "kind": "disk", "name": "web.data"}
    return Properties(known={**place, "spec": {"size": size, "pool": "", "keep": False}})


def volume(**options: str) -> Properties:
    place = {"declaration": "/d.yml", "environment": "lab", "kind": "docker_volume", "name": "data", "guest": "web"}
    return Properties(known={**place, "spec": {"Driver": "local", "Options": options, "Labels": {}, "Keep": False}})


def settings(**leaves: Any) -> dict[str, Any]:
    return {**SPEC, "settings": {**SPEC["settings"], **leaves}}


def reasons(**changed: Any) -> dict[str, str]:
    known = {name: value for name, value in {**given().known, **changed}.items() if value is not None}
    return {failure.path: failure.reason for failure in pure.checked(Properties(known=known))}


def test_what_is_right_passes_the_check() -> None:
    assert reasons() == {}
    assert reasons(kind="image", name="registry.lan:5000/team/app:1", adopt=False) == {}
    assert reasons(kind="guest", name="web", guest=None) == {}


@pytest.mark.parametrize("kind", ["docker_net", "volume", "gust"])
def test_a_kind_that_it_does_not_serve_is_named_with_those_that_it_does(kind: str) -> None:
    told = reasons(kind=kind)
    assert told.keys() == {"kind"}
    assert (
        "one of network, pool, guest_image, container_archive, engine_layer, disk, guest, forward, mount"
        in told["kind"]
    )


def test_what_lives_on_an_engine_needs_its_guest_and_nothing_else_has_one() -> None:
    assert reasons(guest=None)["guest"] == "objects of kind engine are on the engine of a guest: name it"
    assert reasons(kind="pool", name="fast")["guest"] == "objects of kind pool are of the hypervisor: give none"


def test_a_path_must_be_absolute_and_a_spec_a_mapping() -> None:
    told = reasons(declaration="lab.yml", spec=["x"], adopt="yes")
    assert told == {
        "declaration": "it must be an absolute path; it is 'lab.yml'",
        "spec": "it must be a mapping; it is a list",
        "adopt": "it must be true or false; it is 'yes'",
    }


def test_a_volume_is_never_made_anew_with_what_is_in_it() -> None:
    assert pure.diff(volume(), volume(), volume()) == {}
    with pytest.raises(StrataError, match="Bring the environment up with Ansible this once"):
        pure.diff(volume(), volume(), volume(type="tmpfs", device="tmpfs"))


def test_its_id_tells_where_it_is() -> None:
    assert pure.aim(given()).id == "lab/engine/web/docker"
    assert pure.aim(disk(1)).id == "lab/disk/web.data"


def test_equal_specs_are_no_difference_however_numbers_travel() -> None:
    assert pure.diff(disk(2**40), disk(2**40), disk(int(float(2**40)))) == {}
    assert pure.diff(given(), given(), given(adopt=False)) == {}


def test_a_leaf_is_told_by_its_path_and_by_where_it_moved() -> None:
    later = given(settings(**{"log-driver": "journald"}))
    assert pure.diff(given(), given(), later) == {'spec.settings["log-driver"]': Difference()}
    drifted = given(settings(**{"log-driver": "none"}, debug=True))
    assert pure.diff(given(), drifted, given()) == {
        "spec.settings.debug": Difference(of_input=False),
        'spec.settings["log-driver"]': Difference(of_input=False),
    }
    debugged = given(settings(debug=True))
    assert pure.diff(debugged, debugged, given()) == {"spec.settings.debug": Difference()}


def test_a_leaf_that_becomes_secret_is_told_so_that_the_state_hides_it() -> None:
    assert pure.diff(given(hidden=frozenset()), given(), given()) == {'spec.settings["http-proxy"]': Difference()}


@pytest.mark.parametrize("name", ["environment", "kind", "name", "guest"])
def test_another_place_is_another_object(name: str) -> None:
    other = Properties(known={**given().known, name: "image" if name == "kind" else "other"}, hidden=HIDDEN)
    assert pure.diff(given(), given(), other) == {name: Difference(replaces=True)}


def test_what_a_refresh_has_told_is_an_update() -> None:
    told = {"due": Difference(of_input=False), "problem": Difference(of_input=False)}
    assert pure.diff(given(), given(due="start: not running", problem="silent"), given()) == told


def test_what_a_preview_does_not_know_yet_is_an_update() -> None:
    unknown = Properties(known=PLACE, unknown=frozenset({"spec"}))
    assert pure.diff(given(), given(), unknown) == {"spec": Difference()}


def test_another_image_is_another_disk_and_nobody_loses_one_unasked() -> None:
    place = {"declaration": "/d.yml", "environment": "lab", "kind": "disk", "name": "web"}
    first, second = ({**place, "spec": {"size": 1, "image": image}} for image in ("one", "two"))
    before, agreed = Properties(known=first), Properties(known={**second, "replaceGuests": True})
    assert pure.diff(before, before, agreed) == {"spec.image": Difference(replaces=True)}
    with pytest.raises(StrataError, match=r"disk web: it stands on another image.*Set replaceGuests to agree"):
        pure.diff(before, before, Properties(known=second))


def test_what_is_made_anew_is_unknown_in_a_preview_and_what_stays_is_known() -> None:
    assert pure.awaited(given(), given(made="first")).known["made"] == "first"
    assert "made" in pure.awaited(given(), Properties()).unknown


def test_data_that_would_be_lost_is_refused_by_the_preview() -> None:
    with pytest.raises(StrataError, match=r"disk web\.data: disk: 2 GiB cannot shrink to 1 GiB"):
        pure.diff(disk(2**31), disk(2**31), disk(2**30))


def test_what_drifted_is_told_in_place_of_what_is_given_and_no_more() -> None:
    seen = looked(Observed(KEY, settings(**{"log-driver": "none"}), applied=SPEC))
    assert seen.known["spec"] == settings(**{"log-driver": "none"})
    assert seen.known["due"] == "restart: settings.log-driver drifted"
    assert seen.hidden == HIDDEN


def test_a_secret_that_somebody_added_is_hidden_too() -> None:
    stray = settings(**{"https-proxy": "http://me:stray@proxy"})
    seen = looked(Observed(KEY, stray, stray, sensitive=frozenset({("settings", "https-proxy")})))
    assert seen.known["spec"] == stray
    assert seen.hidden == HIDDEN | {("spec", "settings", "https-proxy")}


def test_a_leaf_that_is_gone_is_left_out() -> None:
    without = {"settings": {"http-proxy": "http://me:s3cret@proxy"}, "noted": True}
    assert looked(Observed(KEY, without, SPEC)).known["spec"] == without


def test_what_is_declared_is_what_was_given_though_lists_and_numbers_travel() -> None:
    item = Declared(Key("network", "lan"), {"dns": ("a", "b"), "mtu": 1500, "domain": None, "hosts": {}})
    place = {"declaration": "/d.yml", "environment": "lab", "kind": "network", "name": "lan"}
    aim = pure.aim(Properties(known={**place, "spec": {"dns": ["a", "b"], "mtu": 1500.0}}))
    assert aim.is_of(item)
    assert not aim.is_of(replace(item, spec={**item.spec, "mtu": 1400}))
    assert not aim.is_of(replace(item, spec={**item.spec, "bridge": "br0"}))
    assert not aim.is_of(replace(item, spec={"dns": ("a", "b")}))


def test_paths_are_written_as_pulumi_reads_them() -> None:
    assert path_in("spec", ("settings", "log-driver")) == 'spec.settings["log-driver"]'
    assert path_in("spec", ("a.b", 'say "hi"')) == 'spec["a.b"]["say \\"hi\\""]'
