"""What a run has done and proven, in a few lines."""

from pathlib import Path

from attrs import frozen

from zt_dsl.compiler import Build, Proof, Ready, engines_of
from zt_dsl.ir.platform import Istio, NoNetwork
from zt_dsl.ir.policy import Policy
from zt_dsl.manifests.publish import Published
from zt_dsl.review import ARRIVING, NO_IDENTITY, by_waiver, says_no_identity
from zt_dsl.source import relative


@frozen
class Compiled:
    """A policy, its files, where they go, and what was proven of them. `published` is None for a check."""

    ready: Ready
    build: Build
    out: Path
    proof: Proof
    published: Published | None


def summary(of: Compiled, seconds: float, root: Path) -> str:
    """A build, for whoever ran it."""
    ready, proof, policy = of.ready, of.proof, of.ready.policy
    derived = sum(flow.derived for flow in policy.flows)
    lines = [
        f"{policy.topology} on {policy.platform.name}: {engines_of(ready)}",
        f"  governs    {_many(len(policy.governed), 'namespace')}, {_many(_workloads(policy), 'workload')}, "
        f"{_many(policy.edges, 'edge')}, {_many(derived, 'derived flow')}",
        f"  wrote      {_many(of.build.objects, 'object')} in {of.out}{_files(of.published)}"
        if of.published
        else f"  checked    {_many(of.build.objects, 'object')} in {of.out}: up to date",
        f"  proven     {proof.permitted:,} connections permitted as declared, {proof.refused:,} others refused, "
        "strangers included",
        *([f"  only of    {ARRIVING}"] if isinstance(policy.platform.network, NoNetwork) else []),
    ]
    for (feature, why, until, _), facets in by_waiver(policy, ready.dropped).items():
        lines.append(f"  widened    {feature}, {_until(until)}: {why}")
        lines += [f"             {f'{edge}: ' if edge else ''}was {was}; is {now}" for edge, was, now in facets]
    lines += [
        f"  suspended  {_many(len(q.suspended), 'edge')} of {q.workload}, in quarantine: {q.reason.why} "
        f"({relative(q.reason.at.path, root)}:{q.reason.at.line})"
        for q in policy.quarantined
    ]
    mesh = policy.platform.mesh
    if isinstance(mesh, Istio) and mesh.mesh_wide_mtls != "unwritten":
        lines.append(f"  mTLS       {mesh.mesh_wide_mtls} for the whole mesh, also where nothing is governed")
    if says_no_identity(policy, ready.dropped):
        lines.append(f"  identity   {NO_IDENTITY[0].lower()}{NO_IDENTITY[1:].rstrip('.')}")
    lines.append(f"  time       {seconds:.2f} s")
    return "\n".join(lines)


def one_line(of: Compiled, seconds: float) -> str:
    """A build among several."""
    count = len(of.ready.dropped) + sum(len(flow.widenings) for flow in of.ready.policy.flows)
    files = _files(of.published) if of.published else " (up to date)"
    return (
        f"{of.out}: {_many(of.build.objects, 'object')}{files}, {of.proof.permitted:,} connections proven, "
        f"{of.proof.refused:,} refused, {count} widened, {seconds:.2f} s"
    )


def _workloads(policy: Policy) -> int:
    governed = frozenset(policy.governed)
    return sum(1 for workload in policy.workloads if workload.place in governed)


def _files(published: Published) -> str:
    parts = [f"{len(published.written)} files written" if published.written else "nothing changed"]
    if published.pruned:
        parts.append(f"{len(published.pruned)} pruned")
    kept = f"; kept {', '.join(published.kept)}" if published.kept else ""
    kept += f"; {published.leftover} is left over, the next run removes it" if published.leftover else ""
    return f" ({', '.join(parts)}{kept})"


def _until(until: str) -> str:
    return f"until {until}" if until else "no end"


def _many(count: int, word: str) -> str:
    return f"{count:,} {word}{'' if count == 1 else 's'}"
