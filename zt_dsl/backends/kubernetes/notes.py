"""What a reviewer should know of the plugin that enforces it."""

from zt_dsl.backends.plugins import PLUGINS
from zt_dsl.ir.platform import Kubernetes
from zt_dsl.ir.policy import Policy
from zt_dsl.review import Table


def notes(policy: Policy) -> tuple[Table, ...]:
    """What is known of the plugin that the platform names."""
    network = policy.platform.network
    named = network.plugin if isinstance(network, Kubernetes) else ""
    return tuple(
        Table(
            "The network plugin",
            f"{one.name} enforces these objects. No test here asks it: what its code makes of them is its promise.",
            ("what to know",),
            ((one.beside,),),
        )
        for one in PLUGINS
        if one.target == named
    )
