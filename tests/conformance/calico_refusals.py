"""Objects that Calico does not take: known answers, by what they have in common.

Source: github.com/projectcalico/api v3.31.0, `pkg/apis/projectcalico/v3`, and github.com/projectcalico/calico v3.31.0,
`libcalico-go/lib/validator/v3` and `libcalico-go/lib/names`.
"""

from collections.abc import Mapping, Sequence

from tests.conformance.calico_policies import (
    allow,
    calico_policy,
    deny,
    egress,
    global_policy,
    ingress,
    network_set,
    tier,
    to_port,
)
from tests.conformance.engines.process import Document, Json


def _in(**fields: Json) -> Document:
    return ingress(allow(**fields))


def _out(**fields: Json) -> Document:
    return egress(allow(**fields))


_HTTP: Document = {"protocol": "TCP", "http": {"methods": ["GET"]}}

SPECS: Mapping[str, Sequence[Json]] = {
    "a field is unknown": (
        _out(destination={"domains": ["example.com"]}),
        _in(ports=[80]),
        _in(source={"selectors": "all()"}),
        ingress(allow(), policyTypes=["Ingress"]),
        ingress(allow(), namespaceSelector="all()"),
        ingress(allow(), doNotTrack=True),
        ingress(allow(), preDNAT=True),
        ingress(allow(), applyOnForward=True),
        ingress(allow(), Order=1),
    ),
    "actions, protocols and types": (
        ingress({}),
        ingress({"action": "allow"}),
        ingress({"action": "Reject"}),
        _in(protocol="tcp"),
        _in(protocol="HTTP"),
        _in(protocol=0),
        _in(protocol=256),
        _in(notProtocol="udp"),
        ingress(allow(), types=["ingress"]),
        ingress(allow(), types=["Ingress", "Ingress"]),
        ingress(allow(), order="100"),
    ),
    "ports": (
        _in(destination={"ports": [80]}),
        _in(protocol="ICMP", destination={"ports": [80]}),
        _in(**to_port(0)),
        _in(**to_port(70000)),
        _in(**to_port("70000")),
        _in(**to_port("8000-8010")),
        _in(**to_port("9:8")),
        _in(**to_port("0:8")),
        _in(**to_port("1:70000")),
        _in(**to_port("")),
        _in(source={"ports": [80]}),
        _in(destination={"notPorts": [80]}),
    ),
    "nets": (
        _in(source={"nets": ["10.0.0.5/8"]}),
        _in(source={"nets": ["10.0.0.5"]}),
        _in(source={"nets": ["example.com"]}),
        _in(source={"nets": ["10.0.0.0/8", "2001:db8::/32"]}),
        _in(source={"nets": ["10.0.0.0/8"]}, destination={"nets": ["2001:db8::/32"]}),
        _in(source={"notNets": ["0.0.0.0/0"]}),
        _in(source={"notNets": ["::/0"]}),
        _in(ipVersion=6, source={"nets": ["10.0.0.0/8"]}),
        _in(ipVersion=5),
    ),
    "selectors": (
        _in(source={"selector": "app = 'db'"}),
        _in(source={"selector": "app == db"}),
        _in(source={"selector": {"app": "db"}}),
        _in(source={"selector": "app in ['db']"}),
        _in(source={"selector": "app == 'db' and tier == 'x'"}),
        _in(source={"selector": "app == 'it''s'"}),
        _in(source={"selector": "app == 'db' # the database"}),
        _in(source={"selector": "app"}),
        _in(source={"selector": "has(app"}),
        _in(source={"selector": "(app == 'db'"}),
        _in(source={"selector": "app == 'db')"}),
        _in(source={"selector": "app ~ 'db'"}),
        _in(source={"selector": "global()"}),
        _in(source={"notSelector": "app = 'db'"}),
        _in(source={"namespaceSelector": "global() && team == 'red'"}),
        _in(source={"serviceAccounts": {"selector": "app = 'db'"}}),
        ingress(allow(), selector="global()"),
        ingress(allow(), selector="app = 'web'"),
        ingress(allow(), serviceAccountSelector="app = 'web'"),
    ),
    "services": (
        _out(destination={"services": {"name": "db"}, "ports": [80]}, protocol="TCP"),
        _out(destination={"services": {"name": "db"}, "selector": "app == 'db'"}),
        _out(destination={"services": {}}),
        _out(source={"services": {"name": "db"}}),
        _in(destination={"services": {"name": "db"}}),
    ),
    "requests": (
        egress(allow(**_HTTP)),
        ingress(deny(**_HTTP)),
        _in(protocol="UDP", http={"methods": ["GET"]}),
        _in(http={"methods": ["GET", "GET"]}),
        _in(http={"paths": [{"regex": "/a.*"}]}),
        _in(http={"paths": "/a"}),
        _in(http={"paths": ["/a"]}),
        _in(http={"paths": [{}]}),
        _in(http={"paths": [{"exact": "a"}]}),
        _in(http={"paths": [{"exact": "/a?b"}]}),
        _in(http={"paths": [{"exact": "/a", "prefix": "/a"}]}),
    ),
    "ICMP": (
        _in(icmp={"type": 8}),
        _in(protocol="ICMP", icmp={"code": 1}),
        _in(protocol="ICMP", icmp={"type": 255}),
        _in(protocol="ICMP", ipVersion=6),
    ),
    "the rest": (
        _in(metadata={"annotations": {"a bad key!": "x"}}),
        ingress(allow(), tier="security"),
        ingress(allow(), performanceHints=["Faster"]),
    ),
}

_VALID = _in(source={"selector": "app == 'db'"})
_LONG = "a" * 254

DOCUMENTS: Mapping[str, Sequence[Document]] = {
    "what stands around a spec": (
        {},
        {**calico_policy(_VALID), "apiVersion": "crd.projectcalico.org/v1"},
        {**calico_policy(_VALID), "apiVersion": "projectcalico.org/v1"},
        {**calico_policy(_VALID), "kind": "CiliumNetworkPolicy"},
        {**calico_policy(_VALID), "metadata": {"name": "default.web"}},
        {**calico_policy(_VALID), "metadata": {"namespace": "shop"}},
        {**calico_policy(_VALID), "metadata": {"name": "default.web", "namespace": "shop", "label": {}}},
        {**calico_policy(_VALID), "data": {}},
    ),
    "names": tuple(calico_policy(_VALID, name=name) for name in ("a.b.c", "a_b", "Web", "web.allow", _LONG)),
    "a policy of the whole cluster": (
        {**global_policy(_VALID), "metadata": {"name": "default.all", "namespace": "shop"}},
        global_policy(_out(destination={"services": {"name": "db"}}, source={"services": {"name": "db"}})),
        global_policy({**_VALID, "preDNAT": True}),
        global_policy({**_VALID, "doNotTrack": True}),
        global_policy({"egress": [allow()], "preDNAT": True, "applyOnForward": True}),
        global_policy({**_VALID, "namespaceSelector": "global()"}),
    ),
    "tiers": (
        tier("security", defaultAction="Allow"),
        tier("security", order="100"),
        tier("se.curity"),
        tier("a" * 64),
        tier("default", order=10),
    ),
    "sets": (
        network_set({"nets": ["example.com"]}, {}),
        network_set({"nets": ["192.0.2.0/24"], "allowedEgressDomains": ["example.com"]}, {}),
        network_set({"nets": ["192.0.2.0/24"]}, {"projectcalico.org/namespace": "shop"}),
    ),
}

REFUSED: Sequence[tuple[str, Document]] = (
    *((why, calico_policy(spec)) for why, specs in SPECS.items() for spec in specs),
    *((why, document) for why, documents in DOCUMENTS.items() for document in documents),
)
