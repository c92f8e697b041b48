"""Mistakes in the topology."""

from app.kinds import Desk, counter, parcels, sorting, vault
from app.rules import edges, topology
from app.workloads import branch, customs, desk, exchange, router
from zt_dsl import Statement, Topology

Topology()  # E: call-arg
Topology("parcels", edges)  # E: call-arg
Topology("parcels", governs=[parcels])  # E: call-arg
Topology(edges, governs=[parcels])  # E: call-arg, arg-type  # P: reportCallIssue
Topology("parcels", edges, [parcels])  # E: call-arg
Topology(parcels, edges, governs=[parcels])  # E: arg-type
Topology("parcels", [desk], governs=[parcels])  # E: list-item
Topology("parcels", [exchange.api], governs=[parcels])  # E: list-item
Topology("parcels", [edges], governs=[parcels])  # E: list-item
Topology("parcels", edges[0], governs=[parcels])  # E: arg-type
Topology("parcels", None, governs=[parcels])  # E: arg-type
Topology("parcels", edges, governs=parcels)  # E: arg-type
Topology("parcels", edges, governs="parcels")  # E: arg-type
Topology("parcels", edges, governs=[desk])  # E: list-item
Topology("parcels", edges, governs=[counter])  # E: list-item
Topology("parcels", edges, governs=None)  # E: arg-type
Topology("parcels", edges, governs=[parcels], services=desk)  # E: arg-type
Topology("parcels", edges, governs=[parcels], services=[customs])  # E: list-item
Topology("parcels", edges, governs=[parcels], services=[branch])  # E: list-item
Topology("parcels", edges, governs=[parcels], services=[desk.http])  # E: list-item
Topology("parcels", edges, governs=[parcels], services=["desk"])  # E: list-item
Topology("parcels", edges, governs=[parcels], services=[Desk])  # E: list-item
Topology("parcels", edges, governs=[parcels], tiers="counter")  # E: arg-type
Topology("parcels", edges, governs=[parcels], tiers=["counter"])  # E: list-item
Topology("parcels", edges, governs=[parcels], tiers=counter)  # E: arg-type
Topology("parcels", edges, governs=[parcels], tiers=[[counter, sorting], vault])  # E: list-item
Topology("parcels", edges, governs=[parcels], tiers=[parcels])  # E: list-item
Topology("parcels", edges, governs=[parcels], mtls="mutual")  # E: arg-type
Topology("parcels", edges, governs=[parcels], mtls=True)  # E: arg-type
Topology("parcels", edges, governs=[parcels], namespaces=[parcels])  # E: call-arg

topology.statements.append(edges[0])  # E: attr-defined
topology.edges  # E: attr-defined
topology("prod")  # E: operator  # P: reportCallIssue
first_edge: str = topology.statements[0]  # E: assignment
named: list[Statement] = [topology]  # E: list-item  # P: reportAssignmentType
