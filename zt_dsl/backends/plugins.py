"""Network plugins by name, as `--target` takes them: which backend emits for each, and what it enforces of that."""

from typing import Literal

from attrs import frozen


@frozen
class Plugin:
    """A network plugin: the backend whose objects it enforces (`nothing`: none), and what is beside them."""

    name: str
    target: str
    backend: Literal["kubernetes", "cilium", "calico", "nothing"]
    enforces: str
    beside: str


PLUGINS = (
    Plugin("Antrea", "antrea", "kubernetes", "NetworkPolicy", "its own tiers, names and HTTP rules are not emitted"),
    Plugin("Calico", "calico", "calico", "NetworkPolicy, and its own policies", "see the table of Calico"),
    Plugin("Cilium", "cilium", "cilium", "NetworkPolicy, and CiliumNetworkPolicy", "see the table of Cilium"),
    Plugin("Flannel", "flannel", "nothing", "nothing", "the API server takes every policy, and nobody acts on it"),
    Plugin("Weave Net", "weave-net", "kubernetes", "NetworkPolicy", "not maintained since 2024: try a range of ports"),
)
"""By name. What is beside the objects that are emitted is no part of any proof."""


def plugin(target: str) -> Plugin | None:
    """The plugin that a `--target` names; None for what is none, such as `kubernetes` and `istio`."""
    return next((one for one in PLUGINS if one.target == target), None)
