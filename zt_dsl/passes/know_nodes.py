"""Engines that know nodes and API servers by themselves need no addresses of them, and would not match them."""

from collections.abc import Iterator
from typing import TypeVar

from attrs import evolve

from zt_dsl.ir.flow import Everyone, Flow, Outside, Peer
from zt_dsl.ir.policy import Policy


def know_nodes(policy: Policy) -> Policy:
    """Forget the addresses of API servers and nodes: an engine knows them by their role.

    The node-local resolver has an address on the pod's own node. Whether the engine takes that for the address or for
    the node is a matter of how it was installed, so it is both.

    Nodes that are denied are the others: a pod's own node calls with the kubelet's probes, which nothing stops.
    """
    known: dict[Peer, Peer] = {}
    flows = dict.fromkeys(each for flow in policy.flows for each in _known(flow, known))
    denials = (
        evolve(denial, source=_others(_forget(denial.source)), target=_forget(denial.target))
        for denial in policy.denials
    )
    return evolve(policy, flows=tuple(flows), denials=tuple(denials))


def _known(flow: Flow, known: dict[Peer, Peer]) -> Iterator[Flow]:
    source = known.setdefault(flow.source, _forget(flow.source))
    target = known.setdefault(flow.target, _forget(flow.target))
    yield flow if source is flow.source and target is flow.target else evolve(flow, source=source, target=target)
    if isinstance(target, Outside) and target.role == "node-local-dns" and target.blocks:
        yield evolve(flow, source=source, target=Outside("own node", target.role, ()))


_Peer = TypeVar("_Peer", Peer, Peer | Everyone)


def _forget(peer: _Peer) -> _Peer:
    if isinstance(peer, Outside) and peer.role in ("api-server", "nodes"):
        return evolve(peer, blocks=(), holes=())
    return peer


def _others(peer: Peer | Everyone) -> Peer | Everyone:
    if isinstance(peer, Outside) and peer.role == "nodes":
        return Outside(f"{peer.name} but the pod's own", "other-nodes", ())
    return peer
