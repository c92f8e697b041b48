"""Pattern 1: deny by default, in both directions; DNS stays open.

`governs` is the default deny. DNS for every pod is one edge from the namespace, to the resolver's pods alone: not to
every pod of kube-system, as the rule that is usually copied has it.
"""

from zt_dsl import KubeDns, Namespace, Topology, allow

production = Namespace("production")

topology = Topology(
    "six-patterns-1",
    [allow(production, KubeDns().dns, why="every pod may look up names")],
    governs=[production],
)
