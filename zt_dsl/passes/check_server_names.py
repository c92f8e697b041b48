"""An external name on a TLS port is what its resolver answered, and what TLS asks for too (SNI)."""

from collections.abc import Collection

from attrs import evolve

from zt_dsl.ir.flow import Domain, Flow, place_of
from zt_dsl.ir.policy import Policy
from zt_dsl.ir.traffic import ServerNames, Whole


def check_server_names(policy: Policy, sayable: Collection[str]) -> Policy:
    """Narrow each flow to a name on a TLS port to that name, where the caller is governed: it is read there.

    `sayable` are the features that the engine says exactly: it may check names, and no patterns of them,
    and not on a range of ports.
    """
    governed = frozenset(policy.governed)

    def checked(flow: Flow) -> Flow:
        if not isinstance(flow.target, Domain) or not isinstance(flow.narrowing, Whole):
            return flow
        if flow.port.kind != "tls" or place_of(flow.source) not in governed:
            return flow
        asked = {"server-names" if flow.target.match == "exactly" else "server-names-wildcard"}
        asked |= {"server-names-range"} if flow.port.first != flow.port.last else set()
        return evolve(flow, narrowing=ServerNames((str(flow.target),))) if asked <= set(sayable) else flow

    return evolve(policy, flows=tuple(map(checked, policy.flows)))
