"""What is outside holds no pods: the platform's pod networks are excepted from every network.

INTERNET becomes what `docs/architecture.md` defines it to be, the same on every engine: all IPv4 addresses,
and all IPv6 ones where the cluster's pods have such, less pods, loopback, link-local and multicast.
"""

from attrs import evolve

from zt_dsl.ir.addresses import NEVER_OUTSIDE, IPNetwork, addresses, collapsed
from zt_dsl.ir.flow import Denial, Everyone, Flow, Outside, Peer
from zt_dsl.ir.policy import Policy


def except_pods(policy: Policy) -> Policy:
    """Except the pod networks from each network and from INTERNET."""
    pods = policy.platform.pod_cidrs
    known: dict[Peer, Peer] = {}

    def less(peer: Peer) -> Peer:
        if not isinstance(peer, Outside):
            return peer
        if peer not in known:
            known[peer] = _less(peer, pods)
        return known[peer]

    def flow_less(flow: Flow) -> Flow:
        source, target = less(flow.source), less(flow.target)
        return flow if source is flow.source and target is flow.target else evolve(flow, source=source, target=target)

    def denial_less(denial: Denial) -> Denial:
        source = denial.source if isinstance(denial.source, Everyone) else less(denial.source)
        target = denial.target if isinstance(denial.target, Everyone) else less(denial.target)
        return evolve(denial, source=source, target=target)

    return evolve(policy, flows=tuple(map(flow_less, policy.flows)), denials=tuple(map(denial_less, policy.denials)))


def _less(outside: Outside, pods: tuple[IPNetwork, ...]) -> Outside:
    match outside.role:
        case "internet":
            dual = any(pod.version == 6 for pod in pods)
            blocks = tuple(block for block in outside.blocks if block.version == 4 or dual)
            holes = (*outside.holes, *pods, *NEVER_OUTSIDE.networks())
            return evolve(outside, blocks=blocks, holes=_inside(blocks, holes))
        case "network":
            return evolve(outside, holes=_inside(outside.blocks, (*outside.holes, *pods)))
        case _:
            return outside


def _inside(blocks: tuple[IPNetwork, ...], holes: tuple[IPNetwork, ...]) -> tuple[IPNetwork, ...]:
    """The parts of the holes that lie inside the blocks: the others would change nothing."""
    return collapsed((addresses(blocks) & addresses(holes)).networks())
