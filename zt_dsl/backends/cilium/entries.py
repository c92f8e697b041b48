"""How many entries a workload's policy map needs: identities × ports, for each direction.

The map of an endpoint has room for 16,384 entries as Cilium is installed (`bpf.policyMapMax`; github.com/cilium/cilium
v1.20.2, `pkg/maps/policymap/cell.go`, DefaultPolicyConfig); where they do not fit, the endpoint's policy is not put in
force. It is an estimate: one identity for each workload, name and block of addresses, one for each workload of a
namespace that is a peer as a whole. Pods of one workload with other labels besides are other identities.
"""

from collections.abc import Iterator

from zt_dsl.diagnostics import Diagnostic, Label
from zt_dsl.ir.flow import (
    Denial,
    Domain,
    Everyone,
    EveryPod,
    EveryPort,
    Outside,
    Peer,
    Place,
    Unidentified,
    Workload,
    peers_of,
    ports_of,
)
from zt_dsl.ir.policy import Policy
from zt_dsl.ir.traffic import LAST_PORT, Port
from zt_dsl.review import Table

ROOM = 16_384
MANY = ROOM // 2

# An own node that calls: every endpoint has it (`pkg/policy/mapstate.go`, allowLocalhost).
_ALWAYS = 1


def estimated(policy: Policy) -> dict[Workload, int]:
    """The entries of each governed workload, in the policy's order."""
    governed = frozenset(policy.governed)
    members: dict[Place, int] = {}
    for workload in policy.workloads:
        members[workload.place] = members.get(workload.place, 0) + 1
    known = peers_of(policy.flows)
    identities = {number: _identities(peer, members) for number, peer in known.items()}
    keys = {number: _keys(port) for number, port in ports_of(policy.flows).items()}
    counted = dict.fromkeys(known, 0)
    for flow in policy.flows:
        source, target, wanted = id(flow.source), id(flow.target), keys[id(flow.port)]
        counted[target] += identities[source] * wanted
        counted[source] += identities[target] * wanted
    needed: dict[Peer, int] = {}
    for number, peer in known.items():
        needed[peer] = needed.get(peer, 0) + counted[number]
    for denial in policy.denials:
        for here, there in ((denial.target, denial.source), (denial.source, denial.target)):
            if not isinstance(here, Everyone):
                needed[here] = needed.get(here, 0) + _identities(there, members) * _denied(denial)
    return {
        workload: _ALWAYS + needed.get(workload, 0) + needed.get(EveryPod(workload.place), 0)
        for workload in policy.workloads
        if workload.place in governed
    }


def _identities(peer: Peer | Everyone, members: dict[Place, int]) -> int:
    match peer:
        case Everyone():
            return sum(members.values())
        case Workload() | Domain() | Unidentified():
            return 1
        case EveryPod():
            return max(1, members.get(peer.place, 0))
        case Outside():
            # Without addresses it is an entity: the nodes are two, the pod's own and the others.
            return sum(1 + len(holes) for _, holes in peer.excepted()) or (2 if peer.role == "nodes" else 1)


def _denied(denial: Denial) -> int:
    return 1 if isinstance(denial.port, EveryPort) else _keys(denial.port)


def _keys(port: Port) -> int:
    """A range is as many entries as it has blocks of a power of two, aligned as prefixes are."""
    return len(port.protocols) * sum(1 for _ in _blocks(port.first, port.last))


def _blocks(first: int, last: int) -> Iterator[int]:
    while first <= last:
        size = first & -first or LAST_PORT + 1
        while first + size - 1 > last:
            size //= 2
        yield size
        first += size


def notes(policy: Policy) -> tuple[Table, ...]:
    """The workloads by their entries, the largest first."""
    counted = sorted(estimated(policy).items(), key=lambda item: (-item[1], str(item[0])))
    about = f"An estimate, identities × ports. An endpoint's map has room for {ROOM:,}, as Cilium is installed."
    rows = tuple((str(workload), f"{count:,}") for workload, count in counted)
    return (Table("Policy entries", about, ("workload", "entries"), rows),)


def told(policy: Policy) -> Iterator[Diagnostic]:
    """ZT327 for a workload whose entries do not fit, ZT405 for one that comes near."""
    for workload, count in estimated(policy).items():
        if count < MANY:
            continue
        fits = count <= ROOM
        yield Diagnostic(
            "ZT405" if fits else "ZT327",
            f"{workload} needs some {count:,} policy entries, and Cilium has room for {ROOM:,}",
            (Label(policy.at, "this topology"),),
            "Each peer takes an entry for each port. Where they do not fit, the agent cannot put the policy in force, "
            "and the pods keep the one that they had.",
            "allow fewer peers or ports, join ranges, or split the service; `bpf.policyMapMax` is the room",
        )
