"""The comments above a rule: whose addresses they are, why it is there, and where that was written."""

from pathlib import Path

from zt_dsl.ir.flow import Everyone, Flow, Outside, Peer, Reason
from zt_dsl.source import written_at


def named(peer: Peer | Everyone) -> tuple[str, ...]:
    """What a peer is called whom a rule does not call so: addresses do not say whose they are."""
    match peer:
        case Outside(role="internet", name="internet"):
            return ("INTERNET: all addresses but those of pods, loopback, link-local and multicast",)
        case Outside(role="network" | "internet"):
            return (f"network {peer}",)
        case Outside(role="node-local-dns", blocks=()):
            return ("the pod's own node, where the node-local resolver listens",)
        case Outside():
            return (str(peer),)
        case _:
            return ()


def reasons(flow: Flow, root: Path) -> tuple[str, ...]:
    """Every reason of a flow, and what was widened. Lines are named relative to `root`."""
    lines = [reason_of(reason, root) for reason in flow.reasons]
    for widening in flow.widenings:
        until = f", until {widening.until}" if widening.until else ""
        lines.append(f"WIDENED: was {widening.was}; is {widening.now} · {widening.why}{until}")
    return tuple(dict.fromkeys(lines))


def reason_of(reason: Reason, root: Path) -> str:
    """Why, and where it was written: what a reviewer needs to find the edge."""
    return f"{reason.derived or reason.why or reason.edge} · {written_at(reason.at, root)}"
