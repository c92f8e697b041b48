"""What a deny refuses of the flows that edges need, on engines that can deny."""

from collections.abc import Iterator

from zt_dsl.diagnostics import Diagnostic, Label
from zt_dsl.ir.flow import Denial, Everyone, EveryPod, EveryPort, Flow, Outside, Peer, Workload
from zt_dsl.ir.policy import Policy


def denied_needs(policy: Policy) -> Iterator[Diagnostic]:
    """ZT406 for each deny that refuses a derived flow, once the passes have run."""
    derived = [flow for flow in policy.flows if flow.derived]
    for denial in policy.denials:
        refused = (flow for flow in derived if _refuses(denial, flow))
        if (flow := next(refused, None)) is not None:
            reason = flow.reasons[0]
            yield Diagnostic(
                "ZT406",
                f"the deny {denial.reason.edge} refuses what {reason.edge} needs: {flow.source} → {flow.target} "
                f"{flow.port}",
                (Label(denial.reason.at, "denied here"), Label(reason.at, f"needs {flow.port} of {flow.target}")),
                "A deny overrules every allow, those that were derived for other edges, too: what this edge calls by "
                "name is not found any more.",
                "deny the services that are meant, or leave the edge out",
            )


def _refuses(denial: Denial, flow: Flow) -> bool:
    if isinstance(denial.source, Everyone) or isinstance(denial.target, Everyone):
        return False
    on_port = isinstance(denial.port, EveryPort) or bool(denial.port.ports & flow.port.ports)
    return on_port and _overlap(denial.source, flow.source) and _overlap(denial.target, flow.target)


def _overlap(one: Peer, other: Peer) -> bool:
    match one, other:
        case Outside(blocks=()), Outside():
            return one == other or {one.role, other.role} == {"nodes", "node-local-dns"}
        case Outside(), Outside():
            return bool(one.addresses & other.addresses)
        case (EveryPod(place=place), Workload(place=where)) | (Workload(place=place), EveryPod(place=where)):
            return place == where
        case _:
            return one == other
