"""What Calico cannot say although its table has the feature: tiers, and routes that its rules are too wide for.

Every label of a pod can be asked for: those that Calico adds itself begin with `projectcalico.org/`, `pcns.` or
`pcsa.`, and no service may be selected by such (ZT205).
"""

from collections.abc import Iterator

from zt_dsl.backends.calico.capabilities import PASSING_TIERS, has_tiers, tier_of
from zt_dsl.backends.calico.objects import MAX_PATH
from zt_dsl.backends.calico.paths import path_of, unsaid
from zt_dsl.backends.denied import denied_needs
from zt_dsl.diagnostics import Diagnostic, Label
from zt_dsl.ir.flow import narrowed_end
from zt_dsl.ir.policy import Policy
from zt_dsl.ir.traffic import Routes


def refuse(policy: Policy) -> tuple[Diagnostic, ...]:
    """Tiers that are not there or refuse nothing, routes that no rule is exactly for, denies of what edges need."""
    return (*_tiers(policy), *_routes(policy), *denied_needs(policy))


def _tiers(policy: Policy) -> Iterator[Diagnostic]:
    tier = tier_of(policy.platform)
    here = (Label(policy.platform.at, "this platform"),) if policy.platform.at.line else ()
    if tier != "default" and not has_tiers(policy.platform):
        yield Diagnostic(
            "ZT330",
            f"this version of Calico has no tier `{tier}`",
            here,
            "Open-source Calico has tiers since 3.29; before that everything is in `default`.",
            'leave `tier` out, or run Calico 3.29: network=Calico("3.29", tier="…")',
        )
    elif tier in PASSING_TIERS:
        yield Diagnostic(
            "ZT330",
            f"the tier `{tier}` refuses nothing",
            here,
            "It is Calico's own, for cluster-wide policies of Kubernetes, and passes on what no rule of it matches: "
            "the default deny of a namespace would deny nothing.",
            "leave `tier` out, or name a tier of your own whose `defaultAction` is Deny",
        )


def _routes(policy: Policy) -> Iterator[Diagnostic]:
    governed = frozenset(policy.governed)
    for flow in policy.flows:
        if not isinstance(flow.narrowing, Routes):
            continue
        reason = flow.reasons[0]
        label = Label(reason.at, f"only {flow.narrowing}")
        if narrowed_end(flow, governed) != "Ingress":
            yield Diagnostic(
                "ZT310",
                f"Calico cannot enforce {reason.edge}: only {flow.narrowing}",
                (label,),
                f"It reads requests where they arrive alone, and nothing is governed where {flow.target} is.",
                "govern the namespace of the service that is called, or allow the port whole",
            )
            continue
        for route in unsaid(flow.narrowing):
            yield Diagnostic(
                "ZT310",
                f"Calico cannot enforce {reason.edge}: only {route}",
                (label,),
                "Its rules have no word for one segment, whatever it is."
                if "{" in route.path
                else "To its rules a path is the same with a slash at the end and without.",
                "end the route earlier with `/**`, or allow the port whole"
                if "{" in route.path
                else f"allow both, {route.path.rstrip('/')} and {route.path.rstrip('/')}/; or allow the port whole",
            )
        for route in flow.narrowing.routes:
            if len(path_of(route).path) > MAX_PATH:
                yield Diagnostic(
                    "ZT319",
                    f"Calico cannot enforce {reason.edge}: {route} is too long for a rule",
                    (label,),
                    f"A path may have {MAX_PATH} letters.",
                    "end the route earlier with `/**`, shorten the path, or allow the port whole",
                )
