"""Flows by what they are: the order in which edges are listed is nobody's meaning."""

from attrs import evolve

from zt_dsl.ir.flow import Flow
from zt_dsl.ir.policy import Policy


def order(policy: Policy) -> Policy:
    """Sort the flows by source, target, port and narrowing."""
    names: dict[int, str] = {}

    def name(value: object) -> str:
        # Peers and ports are shared by many flows; printing each once is what sorting costs.
        known = names.get(id(value))
        if known is None:
            known = names[id(value)] = f"{type(value).__name__} {value}"
        return known

    def key(flow: Flow) -> tuple[str, str, str, str]:
        port = flow.port
        told = f"{name(port)} {port.name} {port.service_port} {port.mtls}"
        return (name(flow.source), name(flow.target), told, name(flow.narrowing))

    return evolve(policy, flows=tuple(sorted(policy.flows, key=key)))
