"""A platform that says which plugin enforces NetworkPolicy is held to what that one makes of it."""

from datetime import date
from typing import Any

from zt_dsl import HttpApp, Kubernetes, Namespace, Platform, Service, Topology, UdpPort, allow
from zt_dsl.compiler import Ready, Refused, plan
from zt_dsl.resolve import resolve

ON = date(2026, 7, 1)
SHOP = Namespace("shop")
WEB = HttpApp("web", namespace=SHOP)


class Media(Service):
    rtp = UdpPort(40000, last=40009)
    control = UdpPort(40010)


MEDIA = Media("media", namespace=SHOP)


def planned(plugin: Any, port: str) -> Ready | Refused:
    topology = Topology("t", [allow(WEB, getattr(MEDIA, port), why="calls")], governs=[SHOP])
    policy = resolve(topology, Platform("p", network=Kubernetes("1.37", plugin=plugin)), on=ON).policy
    assert policy is not None
    return plan(policy)


def test_weave_net_is_given_no_range_of_ports() -> None:
    """It opens the first alone (weaveworks/weave, `npc/analyser.go`)."""
    codes = {
        plugin: [each.code for each in planned(plugin, "rtp").diagnostics] for plugin in (None, "antrea", "weave-net")
    }
    assert codes == {None: [], "antrea": [], "weave-net": ["ZT318"]}
    assert isinstance(planned("weave-net", "control"), Ready)


def test_a_review_says_what_is_known_of_the_plugin() -> None:
    for plugin, said in ((None, []), ("weave-net", ["before 2.6"]), ("antrea", ["Open vSwitch"])):
        ready = planned(plugin, "control")
        assert isinstance(ready, Ready)
        [layer] = ready.layers
        tables = [each for each in layer.backend.notes(layer.policy) if each.title == "The network plugin"]
        assert [word in table.rows[0][0] for table, word in zip(tables, said, strict=True)] == [True] * len(said)


def test_a_plugin_that_is_none_is_told() -> None:
    topology = Topology("t", [allow(WEB, MEDIA.rtp, why="calls")], governs=[SHOP])
    wrong: Any = "weave"
    [told] = resolve(topology, Platform("p", network=Kubernetes("1.37", plugin=wrong)), on=ON).diagnostics
    assert told.code == "ZT206"
    assert "weave-net" in told.message + told.help
