"""What a reviewer should know of the objects besides: how they are applied, and what is asked before and after."""

from zt_dsl.backends.calico.capabilities import tier_of
from zt_dsl.backends.calico.lower import ALLOW_ORDER, DEFAULT_DENY, DENY_ORDER, FLOOR_ORDER
from zt_dsl.backends.calico.objects import API_VERSION
from zt_dsl.ir.policy import Policy
from zt_dsl.review import Table


def notes(policy: Policy) -> tuple[Table, ...]:
    """How they are applied, the tier, and the orders in it."""
    tier = tier_of(policy.platform)
    about = "Policies of a tier are asked in their order, and the first rule that matches decides."
    rows = (
        (
            "applying",
            f"kubectl apply, where the API server has {API_VERSION} (Calico's own API server, or its definitions in "
            "that group); otherwise calicoctl apply. Never as crd.projectcalico.org/v1, which checks nothing.",
        ),
        *(_DEFAULT_TIER if tier == "default" else _own_tier(tier)),
        (f"order {DENY_ORDER}", "denials: deny-NAME, namespace-deny"),
        (f"order {ALLOW_ORDER}", "allows: allow-NAME, namespace-allow"),
        (f"order {FLOOR_ORDER}", f"{DEFAULT_DENY}, without rules"),
        ("own node", "What comes from a pod's own node always gets through: the kubelet's probes, and all else there."),
    )
    return (Table("Tier and orders", about, ("what", "how"), rows),)


_EARLIER = "What an earlier tier allows or denies never comes to it."
_LATER = (
    f"{DEFAULT_DENY} is for every pod of a governed namespace, so that the end of this tier denies what none of its "
    "rules allows or passes on. For these pods the policies of later tiers are not asked"
)

_DEFAULT_TIER = (
    ("tier default", f"It is always there. {_EARLIER}"),
    ("later tiers", f"{_LATER}."),
    (
        "order 1000",
        "NetworkPolicy of Kubernetes is in this tier, at this order: what it allows passes, too, unless it is denied "
        f"at {DENY_ORDER}.",
    ),
)


def _own_tier(tier: str) -> tuple[tuple[str, str], ...]:
    return (
        (
            f"tier {tier}",
            f"It has to be there, with defaultAction: Deny, and an order below that of default, 1000000. {_EARLIER}",
        ),
        ("later tiers", f"{_LATER}: NetworkPolicy of Kubernetes, in the tier default, is one of them."),
    )
