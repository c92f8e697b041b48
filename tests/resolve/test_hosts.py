"""Host names: tables of what is refused and kept, and what holds for any input."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zt_dsl.ir.flow import Domain
from zt_dsl.resolve.finding import Finding
from zt_dsl.resolve.hosts import host, lookup
from zt_dsl.source import NOWHERE

CANONICAL = re.compile(r"\A(\*\*?\.)?([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\.)*[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\Z")

NAMES = st.text(alphabet="aA1-_.*:/@ü", max_size=24) | st.text()
ANYTHING = NAMES | st.none() | st.integers() | st.binary() | st.lists(st.text(), max_size=2) | st.just(object())


@pytest.mark.parametrize(
    ("written", "domain"),
    [
        ("api.stripe.com", Domain("api.stripe.com", "exactly")),
        ("API.Stripe.COM.", Domain("api.stripe.com", "exactly")),
        ("*.amazonaws.com", Domain("amazonaws.com", "one-label")),
        ("**.Example.co.uk.", Domain("example.co.uk", "any-depth")),
        ("xn--bcher-kva.example", Domain("xn--bcher-kva.example", "exactly")),
        ("a--b.1password.com", Domain("a--b.1password.com", "exactly")),
        ("*.github.io", Domain("github.io", "one-label")),
        ("on.no", Domain("on.no", "exactly")),
        (f"{'a' * 63}.com", Domain(f"{'a' * 63}.com", "exactly")),
    ],
)
def test_a_good_host_is_kept_in_one_spelling(written: str, domain: Domain) -> None:
    assert host(written, NOWHERE) == domain


@pytest.mark.parametrize(
    ("written", "code", "help"),
    [
        ("https://api.stripe.com/v1", "ZT260", "did you mean `api.stripe.com`?"),
        ("https://api.stripe.com", "ZT260", "`api.stripe.com`"),
        ("api.stripe.com/v1", "ZT260", "`api.stripe.com`"),
        ("api.stripe.com:443", "ZT260", "`api.stripe.com`"),
        ("user:secret@api.stripe.com", "ZT260", "`api.stripe.com`"),
        ("api.stripe.com?x=1", "ZT260", "`api.stripe.com`"),
        ("api.stripe.com#x", "ZT260", "`api.stripe.com`"),
        ("https://*.stripe.com/", "ZT260", "`*.stripe.com`"),
        ("http:\\\\api.stripe.com\\v1", "ZT260", "`api.stripe.com`"),
        ("mailto:x", "ZT260", "the name alone"),
        ("a_b.com", "ZT261", '"a-b.com"'),
        ("a..b", "ZT261", '"a.b"'),
        (".a.com", "ZT261", '"a.com"'),
        ("a.com..", "ZT261", '"a.com"'),
        ("-a.com", "ZT261", '"a.com"'),
        ("a-.com", "ZT261", '"a.com"'),
        (" a.com", "ZT261", '"a.com"'),
        ("a.com\n", "ZT261", '"a.com"'),
        ("a\0.com", "ZT261", '"a.com"'),
        ("", "ZT261", "such as"),
        (".", "ZT261", "such as"),
        (f"{'a' * 64}.com", "ZT261", "such as"),
        (".".join(["a" * 50] * 6), "ZT261", "such as"),
        ("bücher.example", "ZT262", '"xn--bcher-kva.example"'),
        ("*.bücher.example", "ZT262", '"*.xn--bcher-kva.example"'),
        ("https://bücher.example/x", "ZT262", '"xn--bcher-kva.example"'),
        ("аpple.com", "ZT262", '"apple.com"'),
        ("a。com", "ZT262", '"a.com"'),
        ("\ud800.com", "ZT262", "ASCII"),
        ("ü" * 80 + ".com", "ZT262", "ASCII"),
        ("api.*.example.com", "ZT263", '"**.example.com"'),
        ("a*.example.com", "ZT263", '"*.example.com"'),
        ("*.*.example.com", "ZT263", '"**.example.com"'),
        ("a*.com", "ZT263", "put the wildcard first"),
        ("***.example.com", "ZT263", '"*.example.com"'),
        ("api.*", "ZT263", "put the wildcard first"),
        ("*", "ZT263", "INTERNET"),
        ("**", "ZT263", "INTERNET"),
        ("*.", "ZT263", "INTERNET"),
        ("*.com", "ZT264", '"*.example.com"'),
        ("*.co.uk", "ZT264", '"*.example.co.uk"'),
        ("**.co.uk", "ZT264", '"**.example.co.uk"'),
        ("**.COM.", "ZT264", "INTERNET"),
        ("*.anything.ck", "ZT264", "INTERNET"),
        ("*.xn--p1ai", "ZT264", "INTERNET"),
        ("203.0.113.7", "ZT265", 'Network("…", cidrs=["203.0.113.7/32"])'),
        ("203.0.113.7.", "ZT265", "203.0.113.7/32"),
        ("203.0.113.7:443", "ZT265", "203.0.113.7/32"),
        ("https://203.0.113.7/x", "ZT265", "203.0.113.7/32"),
        ("2001:db8::1", "ZT265", "2001:db8::1/128"),
        ("[2001:db8::1]", "ZT265", "2001:db8::1/128"),
        ("http://[2001:db8::1]:80/", "ZT265", "2001:db8::1/128"),
        ("10.0.0.0/8", "ZT265", "10.0.0.0/8"),
        ("2130706433", "ZT265", "cidrs="),
        ("127.1", "ZT265", "cidrs="),
        ("0x7f.1", "ZT265", "cidrs="),
        ("*.0.0.1", "ZT265", "cidrs="),
        ("postgres", "ZT266", 'Service("postgres"'),
        ("localhost", "ZT266", "Service("),
        ("postgres.shop.svc.cluster.local", "ZT266", 'Service("postgres", namespace=Namespace("shop"))'),
        ("Postgres.shop.svc.", "ZT266", 'Service("postgres", namespace=Namespace("shop"))'),
        ("*.svc.cluster.local", "ZT266", "Service("),
        ("cluster.local", "ZT266", "Service("),
        ("x.cluster.local", "ZT266", "Service("),
        (None, "ZT206", "string"),
        (443, "ZT206", "string"),
        (["api.stripe.com"], "ZT206", "string"),
    ],
)
def test_a_bad_host_is_refused(written: object, code: str, help: str) -> None:
    finding = host(written, NOWHERE)
    assert isinstance(finding, Finding)
    assert finding.code == code
    assert help in finding.help


@given(ANYTHING)
def test_an_accepted_host_is_canonical_and_a_fixed_point(value: object) -> None:
    match host(value, NOWHERE):
        case Finding() as finding:
            assert finding.code[:4] in ("ZT26", "ZT20")
            assert finding.message
            assert finding.why
            assert finding.help
            f"{finding.message}{finding.help}{finding.at[0][1]}".encode()
        case domain:
            assert CANONICAL.match(str(domain))
            assert len(str(domain)) <= 253
            assert "." in domain.name
            assert host(str(domain), NOWHERE) == domain


@given(NAMES)
def test_a_suggested_host_is_a_name(written: str) -> None:
    match host(written, NOWHERE):
        case Finding(help=help) if help.startswith("did you mean"):
            again = host(re.split(r'["`]', help)[1], NOWHERE)
            # What is repaired may still be a public suffix or the cluster's own: one mistake at a time.
            assert not isinstance(again, Finding) or again.code in ("ZT264", "ZT266")
        case _:
            pass


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("Api.Stripe.com.", "api.stripe.com"),
        ("postgres", "postgres"),
        ("postgres.shop.svc.cluster.local", "postgres.shop.svc.cluster.local"),
        ("_http._tcp.web.shop.svc.cluster.local", "_http._tcp.web.shop.svc.cluster.local"),
        ("**.svc.cluster.local", "**.svc.cluster.local"),
        ("*.com", "*.com"),
    ],
)
def test_a_lookup_may_be_for_any_name(written: str, name: str) -> None:
    assert lookup(written, NOWHERE) == name


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("", "ZT285"), ("*", "ZT285"), ("a.*.com", "ZT285"), ("https://a.com", "ZT285"), ("1.2.3.4", "ZT285"),
        ("bücher.example", "ZT285"), ("a b", "ZT285"), ("a..b", "ZT285"), ("a_.com", "ZT285"), (None, "ZT206"),
    ],
)  # fmt: skip
def test_a_bad_lookup_is_refused(written: object, code: str) -> None:
    finding = lookup(written, NOWHERE)
    assert isinstance(finding, Finding)
    assert finding.code == code


@given(ANYTHING)
def test_an_accepted_lookup_is_a_fixed_point(value: object) -> None:
    found = lookup(value, NOWHERE)
    assert isinstance(found, Finding) or lookup(found, NOWHERE) == found
