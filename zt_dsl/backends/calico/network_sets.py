"""Whether what a rule allows is pods alone. A selector means whatever has the labels, and so do sets of networks.

Source: github.com/projectcalico/calico v3.31.0, `felix/labelindex/named_port_index.go`, OnUpdate: addresses of every
endpoint and of every network set that a peer selects. Calico gives an orchestrator and a service account to
pods alone (`libcalico-go/lib/backend/k8s/conversion`).
"""

from collections.abc import Iterator, Sequence

from zt_dsl.backends.calico.selectors import EVERY, Unread, read
from zt_dsl.diagnostics import Diagnostic
from zt_dsl.ir.platform import Platform
from zt_dsl.ir.selector import SERVICE_ACCOUNT, Selector
from zt_dsl.manifests import forms
from zt_dsl.manifests.read import Path, ReadDocument
from zt_dsl.manifests.tree import Value

ORCHESTRATOR = "projectcalico.org/orchestrator"
_POLICIES = ("NetworkPolicy", "GlobalNetworkPolicy")
_PEERS = (("ingress", "source"), ("egress", "destination"))


def beyond_pods(documents: Sequence[ReadDocument], _: Platform) -> Iterator[Diagnostic]:
    """ZT502 for each peer of an Allow rule that a network set can be: no reach tells of these, which anybody may make
    who may make one object in that namespace. What has another form is told by the reader."""
    for document in documents:
        spec = document.body.get("spec")
        if document.body.get("kind") in _POLICIES and isinstance(spec, dict):
            for section, side in _PEERS:
                for index, rule in enumerate(forms.elements(spec.get(section), ("spec", section), [])):
                    peer = rule.get(side) if isinstance(rule, dict) and rule.get("action") == "Allow" else None
                    if isinstance(peer, dict) and _may_be_a_set(peer):
                        yield _told(document, ("spec", section, index, side))


def _may_be_a_set(peer: dict[str, Value]) -> bool:
    if peer.get("serviceAccounts") or not (peer.get("selector") or peer.get("namespaceSelector")):
        return False
    text = peer.get("selector") or ""
    union = read(text) if isinstance(text, str) else EVERY
    return not isinstance(union, Unread) and not all(map(_is_of_pods, union))


def _is_of_pods(each: Selector) -> bool:
    return any(key in (ORCHESTRATOR, SERVICE_ACCOUNT) and not values.absent for key, values in each.terms)


def _told(document: ReadDocument, at: Path) -> Diagnostic:
    said = "selects sets of networks, too"
    return Diagnostic(
        "ZT502",
        f"{forms.title(document)}: what `{at[1]}[{at[2]}].{at[3]}` allows {said}",
        (forms.label(document, (*at, "selector"), said),),
        "A selector means whatever has the labels: a NetworkSet with the same has its addresses let through, too.",
        f"begin it with `{ORCHESTRATOR} == 'k8s' && `, as it was compiled: only pods have that",
    )
