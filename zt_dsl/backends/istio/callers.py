"""Whom the sources of a rule are, by the identities of pods. Knows nothing of what writes them.

Every fact is from istio.io/istio v0.0.0-20260827124520-eed52ebb66ad: G is
`pilot/pkg/security/authz/model/generator.go`, M `model.go` beside it, B `pilot/pkg/security/trustdomain/bundle.go`, S
`pkg/config/security/security.go`.

An identity is `spiffe://<trust domain>/ns/<namespace>/sa/<service account>`, of the pod's own, and nothing else.
"""

import re
from collections.abc import Callable, Iterable, Mapping

from attrs import frozen

from zt_dsl.backends.istio.trees import INEXACT, elements, fields, strings
from zt_dsl.ir.addresses import Addresses, addresses, united
from zt_dsl.ir.platform import Istio
from zt_dsl.ir.selector import (
    ANY_VALUE,
    EVERYTHING,
    IDENTITY,
    METADATA_NAME,
    SERVICE_ACCOUNT,
    Selector,
    Values,
    selector,
    with_labels,
)
from zt_dsl.manifests import forms
from zt_dsl.manifests.forms import Problem, Problems
from zt_dsl.manifests.read import Path
from zt_dsl.manifests.tree import Value
from zt_dsl.reach.grants import ANONYMOUS, EVERYBODY, SIDECAR, Pods, Remote, shared

IDENTIFIED: Remote = shared(Pods(EVERYTHING, SIDECAR))
"""Whoever has an identity."""

# The first minor version with each: in the versions before, a dot of an account's name is any character
# (CVE-2026-39350, which 1.25 to 1.29 have, for accounts; what is read of principals is of 1.31).
_SERVICE_ACCOUNTS = (1, 25)
_LITERAL_DOTS = (1, 30)
_LITERAL_DOTS_AFTER_ANY_DOMAIN = (1, 31)
_MOST_ACCOUNTS = 16
_IGNORED = "the API server drops or refuses what its version of the definition does not know: the rule is another then"
_LOCAL = "cluster.local"


@frozen
class Callers:
    """`seen` are those whose identity the sidecar must see; `anyhow` those who need none; and `anonymous` says that
    also whoever shows none is let in, which is everybody on a port that asks for none."""

    seen: tuple[Remote, ...] = ()
    anyhow: tuple[Remote, ...] = ()
    anonymous: bool = False


EVERY_CALLER = Callers(anyhow=EVERYBODY)


@frozen
class _At:
    """Where a source is: the namespace of its policy, and the mesh."""

    namespace: str
    mesh: Istio


def callers(tree: Value, namespace: str, mesh: Istio, at: Path, problems: Problems) -> Callers:
    """The sources of a rule are alternatives (M)."""
    where = _At(namespace, mesh)
    found = [_item(each, where, here, problems) for here, each in elements(tree, at, problems)]
    return Callers(
        tuple(dict.fromkeys(remote for each in found for remote in each.seen)),
        tuple(dict.fromkeys(remote for each in found for remote in each.anyhow)),
        any(each.anonymous for each in found),
    )


def names_own(tree: Value) -> bool:
    """Whether something in it is of the policy's own namespace because it names none: an account alone."""
    items = tree if isinstance(tree, list) else []
    sources = [item.get("source") for item in items if isinstance(item, dict)]
    listed = [source.get("serviceAccounts") for source in sources if isinstance(source, dict)]
    return any(isinstance(one, str) and "/" not in one for some in listed if isinstance(some, list) for one in some)


_ITEM = frozenset({"source"})
_SOURCE = frozenset({"principals", "notPrincipals", "namespaces", "serviceAccounts", "ipBlocks", "notIpBlocks"})
_BLOCKS = frozenset({"ipBlocks", "notIpBlocks"})


def _item(tree: Value, where: _At, at: Path, problems: Problems) -> Callers:
    """All fields of a source must hold (M). Two that are about different things meet in no set that is known here:
    whether a pod has an address is not."""
    source = fields(tree, _ITEM, at, problems).get("source")
    at = (*at, "source")
    if source is None:
        problems.append(Problem(at, "is missing"))
        return Callers()
    found = fields(source, _SOURCE, at, problems)
    if found.keys() & _BLOCKS:
        if found.keys() - _BLOCKS:
            problems.append(Problem(at, "has blocks of addresses and identities", INEXACT))
        return Callers(anyhow=_blocks(found, at, problems))
    if len(found) != 1:
        problems.append(Problem(at, "must have one field" if found else "is empty", INEXACT))
        return Callers()
    [(key, listed)] = found.items()
    items = strings(listed, (*at, key), problems)
    if key == "serviceAccounts" and len(items) > _MOST_ACCOUNTS:
        problems.append(Problem((*at, key), f"has {len(items)} accounts, more than {_MOST_ACCOUNTS}"))
    if key == "notPrincipals":
        if [written for _, written in items] != ["*"]:
            says = 'can only be `["*"]`, which is whoever has no identity'
            problems.append(Problem((*at, key), says, INEXACT))
        return Callers(anyhow=ANONYMOUS, anonymous=True)
    read = _KINDS.get(key)
    if read is None:
        return Callers()
    return Callers(seen=tuple(_distinct(read(written, where, here, problems) for here, written in items)))


def _distinct(remotes: Iterable[Remote | None]) -> Iterable[Remote]:
    return dict.fromkeys(shared(remote) for remote in remotes if remote is not None)


# --- identities --------------------------------------------------------------------------------------

_TRUST_DOMAIN = re.compile(r"[a-z0-9]([-a-z0-9._]*[a-z0-9])?")
_DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_ACCOUNT = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
# A namespace is looked for as `/ns/<name>/` anywhere in an identity, so that these are in others, too (G).
_AMBIGUOUS = frozenset({"ns", "sa"})


def _pods(namespace: str, account: str, domain: str) -> Remote:
    """Empty is any."""
    place = with_labels(((METADATA_NAME, namespace),)) if namespace else EVERYTHING
    return Pods(place, _pod(account, domain))


def _pod(account: str, domain: str) -> Selector:
    terms = [(IDENTITY, Values(frozenset((domain,))) if domain else ANY_VALUE)]
    if account:
        terms.append((SERVICE_ACCOUNT, Values(frozenset((account,)))))
    return shared(selector(terms))


def _principal(written: str, where: _At, at: Path, problems: Problems) -> Remote | None:
    """Whole, or with a `*` at one end (G). In one of five parts `cluster.local` is the mesh's own trust domain,
    whatever that is (B)."""
    domain, *parts = written.split("/")
    if written == "*":
        return IDENTIFIED
    if domain == "*" and len(parts) == 4 and parts[3] != "*":
        domain = ""
        _check_dots(written, _LITERAL_DOTS_AFTER_ANY_DOMAIN, where.mesh, at, problems)
    elif not _TRUST_DOMAIN.fullmatch(domain):
        return _inexact(written, at, problems)
    elif domain == _LOCAL and len(parts) == 4:
        domain = where.mesh.trust_domain
    match parts:
        case ["*"]:
            return _pods("", "", domain)
        case ["ns", namespace, "*"] | ["ns", namespace, "sa", "*"] if _DNS_LABEL.fullmatch(namespace):
            return _pods(namespace, "", domain)
        case ["ns", namespace, "sa", account] if _DNS_LABEL.fullmatch(namespace) and _ACCOUNT.fullmatch(account):
            return _pods(namespace, account, domain)
        case _:
            return _inexact(written, at, problems)


def _namespace(written: str, _: _At, at: Path, problems: Problems) -> Remote | None:
    """Of whatever trust domain (G)."""
    if not _DNS_LABEL.fullmatch(written) or written in _AMBIGUOUS:
        return _inexact(written, at, problems)
    return _pods(written, "", "")


def _service_account(written: str, where: _At, at: Path, problems: Problems) -> Remote | None:
    """Of whatever trust domain; of the policy's own namespace where none is named (G)."""
    if not _is_since(_SERVICE_ACCOUNTS, where.mesh):
        problems.append(Problem(at, "is not there before Istio 1.25", _IGNORED))
    _check_dots(written, _LITERAL_DOTS, where.mesh, at, problems)
    namespace, slash, account = written.rpartition("/")
    place = namespace if slash else where.namespace
    if not (_ACCOUNT.fullmatch(account) and _DNS_LABEL.fullmatch(place)):
        return _inexact(written, at, problems)
    return _pods(place, account, "")


_KINDS: Mapping[str, Callable[[str, _At, Path, Problems], Remote | None]] = {
    "principals": _principal,
    "namespaces": _namespace,
    "serviceAccounts": _service_account,
}


def _inexact(written: str, at: Path, problems: Problems) -> Remote | None:
    problems.append(Problem(at, f"cannot be read exactly: {written[:80]!r}", INEXACT))
    return None


def _is_since(first: tuple[int, int], mesh: Istio) -> bool:
    major, minor = (int(part) for part in mesh.version.split(".")[:2])
    return (major, minor) >= first


_ANY_CHARACTER = "to Istio's expression a dot is any character: pods of other accounts are let in, too"


def _check_dots(written: str, first: tuple[int, int], mesh: Istio, at: Path, problems: Problems) -> None:
    if "." in written and not _is_since(first, mesh):
        says = f"has a `.`, which is one since Istio {first[0]}.{first[1]}"
        problems.append(Problem(at, says, _ANY_CHARACTER))


# --- blocks of addresses -----------------------------------------------------------------------------

_NOT_ALONE = "without `ipBlocks` this is everything else, pods and names, too: nobody can say which"


def _blocks(source: dict[str, Value], at: Path, problems: Problems) -> tuple[Remote, ...]:
    """The address of whoever opened the connection (G). Pods are told by their identities alone."""
    if "ipBlocks" not in source:
        problems.append(Problem(at, "has `notIpBlocks` alone", _NOT_ALONE))
        return ()
    taken = _united(source["ipBlocks"], (*at, "ipBlocks"), problems)
    if "notIpBlocks" in source:
        taken -= _united(source["notIpBlocks"], (*at, "notIpBlocks"), problems)
    return (shared(taken),) if taken else ()


def _united(tree: Value, at: Path, problems: Problems) -> Addresses:
    return united(addresses(forms.cidr(_whole(each), here, problems)) for here, each in strings(tree, at, problems))


def _whole(written: str) -> str:
    """With a length: an address alone is a block of one (S)."""
    return written if "/" in written else f"{written}/{128 if ':' in written else 32}"
