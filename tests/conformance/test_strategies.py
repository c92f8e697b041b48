"""That the random policies are what they claim to be: every form, and neither all open nor all closed."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import TypeAlias

import pytest
from hypothesis import given, settings

from tests.conformance.engines.kubernetes_engine import Connection, KubernetesEngine, Pod
from tests.conformance.engines.process import Document, Json
from tests.conformance.policies import GOVERNED, Path, parts, policy_sets
from tests.conformance.probes import probes

pytestmark = pytest.mark.conformance

derandomized = settings(deadline=None, max_examples=500, derandomize=True, database=None)

Form: TypeAlias = Callable[[Path, Json], bool]


def has(value: Json, key: str) -> bool:
    return isinstance(value, Mapping) and bool(value.get(key))


def lacks(value: Json, key: str) -> bool:
    return isinstance(value, Mapping) and not value.get(key)


def is_spec(at: Path) -> bool:
    return at == ("spec",)


def is_rule(at: Path, direction: str) -> bool:
    return at[:2] == ("spec", direction) and len(at) == 3


def is_item(at: Path, of: str) -> bool:
    return len(at) == 5 and at[3] in of.split()


FORMS: Mapping[str, Form] = {
    "no policyTypes, and an egress rule": lambda at, v: is_spec(at) and lacks(v, "policyTypes") and has(v, "egress"),
    "no policyTypes, and an empty list of egress rules": lambda at, v: (
        is_spec(at) and lacks(v, "policyTypes") and isinstance(v, Mapping) and v.get("egress") == []
    ),
    "egress rules that are not in force": lambda at, v: (
        is_spec(at) and isinstance(v, Mapping) and v.get("policyTypes") == ["Ingress"] and has(v, "egress")
    ),
    "an empty ingress rule": lambda at, v: is_rule(at, "ingress") and v == {},
    "an empty egress rule": lambda at, v: is_rule(at, "egress") and v == {},
    "ports for everyone": lambda at, v: is_rule(at, "ingress") and lacks(v, "from") and has(v, "ports"),
    "peers on every port": lambda at, v: is_rule(at, "egress") and lacks(v, "ports") and has(v, "to"),
    "an empty list of peers": lambda at, v: at[-1:] == ("from",) and v == [],
    "an empty list of ports": lambda at, v: at[-1:] == ("ports",) and v == [],
    "null": lambda at, v: bool(at) and v is None,
    "every pod of the policy": lambda at, v: at == ("spec", "podSelector") and v == {},
    "a namespace selector alone": lambda at, v: (
        is_item(at, "from to") and has(v, "namespaceSelector") and lacks(v, "podSelector")
    ),
    "both selectors in one item": lambda at, v: (
        is_item(at, "from to") and has(v, "namespaceSelector") and has(v, "podSelector")
    ),
    "every namespace": lambda at, v: at[-1:] == ("namespaceSelector",) and v == {},
    "a label that must be empty": lambda at, v: at[-2:-1] == ("matchLabels",) and v == "",
    "In": lambda at, v: at[-1:] == ("operator",) and v == "In",
    "NotIn": lambda at, v: at[-1:] == ("operator",) and v == "NotIn",
    "Exists": lambda at, v: at[-1:] == ("operator",) and v == "Exists",
    "DoesNotExist": lambda at, v: at[-1:] == ("operator",) and v == "DoesNotExist",
    "an IPv4 exception": lambda at, v: at[-2:-1] == ("except",) and "." in str(v),
    "an IPv6 exception": lambda at, v: at[-2:-1] == ("except",) and ":" in str(v),
    "every IPv4 address": lambda at, v: at[-1:] == ("cidr",) and v == "0.0.0.0/0",
    "a port": lambda at, v: is_item(at, "ports") and has(v, "port") and lacks(v, "endPort"),
    "a range": lambda at, v: (
        is_item(at, "ports") and isinstance(v, Mapping) and has(v, "endPort") and v["port"] != v["endPort"]
    ),
    "every port of a protocol": lambda at, v: (
        is_item(at, "ports") and lacks(v, "port") and has(v, "protocol") and lacks(v, "endPort")
    ),
    "a port without a protocol": lambda at, v: is_item(at, "ports") and has(v, "port") and lacks(v, "protocol"),
    "UDP": lambda at, v: at[-1:] == ("protocol",) and v == "UDP",
    "SCTP": lambda at, v: at[-1:] == ("protocol",) and v == "SCTP",
}

ODD_FORMS: Mapping[str, Form] = {
    "a null rule": lambda at, v: is_rule(at, "ingress") and v is None,
    "a null port": lambda at, v: is_item(at, "ports") and v is None,
    "a named port": lambda at, v: at[-1:] == ("port",) and isinstance(v, str),
    "a direction twice": lambda at, v: at[-1:] == ("policyTypes",) and v == ["Egress", "Egress"],
}


def seen(forms: Mapping[str, Form], *, odd: bool) -> set[str]:
    """The forms that the same few hundred policy sets have, on every run."""
    found: set[str] = set()

    @derandomized
    @given(policy_sets(odd=odd))
    def look(documents: list[Document]) -> None:
        for document in documents:
            for at, value in parts(document):
                found.update(name for name, form in forms.items() if form(at, value))

    look()
    return found


def test_every_form_occurs() -> None:
    assert seen(FORMS, odd=False) == set(FORMS)


def test_every_odd_form_occurs_where_it_is_asked_for() -> None:
    assert seen(ODD_FORMS, odd=True) == set(ODD_FORMS)
    assert not seen(ODD_FORMS, odd=False)


def test_both_answers_are_frequent_in_both_directions(kubernetes_engine: KubernetesEngine) -> None:
    answers: Counter[tuple[str, bool]] = Counter()

    @derandomized
    @given(policy_sets(odd=False), probes())
    def count(documents: list[Document], connections: list[Connection]) -> None:
        kubernetes_engine.load(documents)
        for asked, verdict in zip(connections, kubernetes_engine.ask(connections), strict=True):
            if isinstance(asked.target, Pod) and asked.target.namespace in GOVERNED:
                answers["ingress", verdict.ingress] += 1
            if isinstance(asked.source, Pod) and asked.source.namespace in GOVERNED:
                answers["egress", verdict.egress] += 1

    count()
    assert answers.total() >= 500 * 100
    assert min(answers.values()) / answers.total() > 0.05, answers
