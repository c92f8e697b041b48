"""Network plugins by name, as `--target` takes them: which backend emits for each, and what it enforces of that.

Sources:

- Antrea: antrea.io, "Antrea Network Policy" and CHANGELOG-1.3 (`fqdn`, since 1.3), "Antrea Layer 7 NetworkPolicy"
  (HTTP, since 1.10; alpha, off by default), "Antrea Architecture" (Open vSwitch).
- Calico: projectcalico/calico 87c15906, api/pkg/apis/projectcalico/v3 (no `domains`), and release 3.32 (HTTP, by
  Dikastes in Istio's sidecars). The conformance tests ask its code.
- Cilium: cilium/cilium v1.20.2, Documentation/security/policy (`toFQDNs`, HTTP, no Kafka any more). The conformance
  tests ask its code.
- Flannel: flannel-io/flannel, Documentation/netpol.md (kube-network-policies beside it, since 0.25.5).
- Weave Net: weaveworks/weave, npc/analyser.go at ee84cacc (`endPort` is not read, a named port is refused). Before
  bb4f5149, which is in v2.6.0, a peer's `podSelector` is read without the `namespaceSelector` beside it.
"""

from typing import Literal

from attrs import frozen


@frozen
class Plugin:
    """A network plugin: the backend whose objects it enforces (`nothing`: none), and what it does with them.

    `names` and `requests`: what it has for those itself. `beside`: what to know besides.
    """

    name: str
    target: str
    backend: Literal["kubernetes", "cilium", "calico", "nothing"]
    enforces: str
    names: str
    requests: str
    beside: str = ""


PLUGINS = (
    Plugin(
        "Antrea",
        "antrea",
        "kubernetes",
        "NetworkPolicy",
        "in its own policies, since 1.3; not emitted",
        "HTTP in its own policies, since 1.10, where it is switched on; not emitted",
        "its dataplane is Open vSwitch",
    ),
    Plugin(
        "Calico",
        "calico",
        "calico",
        "NetworkPolicy, and its own policies",
        'with `edition="enterprise"`',
        "HTTP, since 3.32 with `app_layer=True`",
        "the API server has to know projectcalico.org/v3, or `calicoctl` applies",
    ),
    Plugin(
        "Cilium",
        "cilium",
        "cilium",
        "NetworkPolicy, and CiliumNetworkPolicy",
        "yes",
        "HTTP and gRPC; Kafka until 1.19",
    ),
    Plugin(
        "Flannel",
        "flannel",
        "nothing",
        "nothing",
        "no",
        "no",
        "since 0.25.5 it can run kube-network-policies (`netpol.enabled`): that is `--target kubernetes`",
    ),
    Plugin(
        "Weave Net",
        "weave-net",
        "kubernetes",
        "NetworkPolicy",
        "no",
        "no",
        "a range of ports is refused, which it does not read; before 2.6 it forgets a peer's namespace, and lets in "
        "pods of every one that have the labels",
    ),
)
"""By name. What a plugin has beside the objects that are emitted is no part of any proof."""
