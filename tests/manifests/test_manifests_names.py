"""Names: no two alike, none that a file system or Kubernetes would refuse."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zt_dsl.diagnostics import Diagnostic
from zt_dsl.manifests.emit import EmptyList, emit
from zt_dsl.manifests.kustomization import kustomization, misapplied
from zt_dsl.manifests.names import directory_name, file_name, object_name
from zt_dsl.manifests.read import read

DNS = st.from_regex(re.compile(r"[a-z0-9]([a-z0-9-]{0,80}[a-z0-9])?", re.ASCII), fullmatch=True)
LONG = st.builds(lambda name, times: (name * times)[:253].rstrip("-"), DNS, st.integers(1, 60))
DEVICES = ["con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))]


@pytest.mark.parametrize("device", DEVICES)
def test_a_device_is_no_file_name(device: str) -> None:
    assert file_name(device) == f"{device}_.yaml"
    assert directory_name(device) == f"{device}_"
    assert file_name(f"{device}-x") == f"{device}-x.yaml"
    assert file_name(f"{device}.x") == f"{device}_.x.yaml"


@given(st.lists(st.one_of(LONG, st.sampled_from(DEVICES)), unique=True, max_size=20))
def test_different_names_different_files(names: list[str]) -> None:
    files = {file_name(name) for name in names}
    assert len({name.casefold() for name in files}) == len(names)
    assert all(len(name.encode()) <= 255 and name[0] not in "_." for name in files)


@pytest.mark.parametrize("name", ["", "..", ".", "a/b", "_a", "-a", "a-", "A", "a\n", "a b", "ä", "a.", "con_"])
def test_what_is_no_dns_name_is_no_file(name: str) -> None:
    with pytest.raises(ValueError, match="not a DNS name"):
        file_name(name)


def test_long_names_that_differ_late() -> None:
    one, other = (object_name("zt", "a" * 260 + end) for end in ("b", "c"))
    assert one != other
    assert len(one) == len(other) == 253


def test_a_cut_name_is_longer_than_any_that_is_not_cut() -> None:
    assert object_name("zt", "a" * 249) == f"zt-{'a' * 249}"
    cut = object_name("zt", "a" * 250)
    assert len(cut) == 253
    assert re.fullmatch(r"zt-a{239}-[0-9a-f]{10}", cut)


OBJECT = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")
IDENTITY = st.builds(
    lambda labels, times: (".".join(labels) + ".") * times + "z",
    st.lists(DNS, min_size=1, max_size=3),
    st.integers(0, 30),
)


@given(IDENTITY, st.integers(20, 253))
def test_an_object_name_is_one(identity: str, limit: int) -> None:
    name = object_name("allow", identity, limit)
    assert OBJECT.fullmatch(name)
    assert len(name) <= limit
    # Whatever is uncut is shorter than whatever is cut.
    assert (name == f"allow-{identity}") == (len(name) < limit)


@given(st.lists(IDENTITY, unique=True, max_size=8), st.integers(30, 60))
def test_object_names_do_not_meet(identities: list[str], limit: int) -> None:
    assert len({object_name("allow", identity, limit) for identity in identities}) == len(identities)


def test_kustomization() -> None:
    assert emit([kustomization(("a/web.yaml", "a/_namespace.yaml"))]) == (
        "apiVersion: kustomize.config.k8s.io/v1beta1\n"
        "kind: Kustomization\n"
        "sortOptions:\n"
        "  order: fifo\n"
        "resources:\n"
        "- a/web.yaml\n"
        "- a/_namespace.yaml\n"
    )
    with pytest.raises(EmptyList):
        emit([kustomization(())])


LISTED = """apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
sortOptions:
  order: fifo
resources:
- a/web.yaml
- a/_namespace.yaml
"""


@pytest.mark.parametrize(
    ("was", "now", "said"),
    [
        ("", "", []),
        ("order: fifo", "order: legacy", []),
        ("- a/_namespace.yaml\n", "", ["`resources` leaves out a/_namespace.yaml"]),
        ("- a/web.yaml\n", "- a/web.yaml\n- ../more\n", ["`resources[1]` is no file that was proven"]),
        (
            "- a/web.yaml\n",
            "- a/web.yaml\n- https://example.com/a.yaml\n",
            ["`resources[1]` is no file that was proven"],
        ),
        ("resources:", "namePrefix: x-\nresources:", ["`namePrefix` changes what is applied"]),
        ("resources:", "namespace: other\nresources:", ["`namespace` changes what is applied"]),
        ("resources:", "patches: []\nresources:", ["`patches` changes what is applied"]),
        ("Kustomization", "Component", ["`kind` is not Kustomization of kustomize.config.k8s.io/v1beta1"]),
        ("resources:\n- a/web.yaml\n- a/_namespace.yaml\n", "", ["`resources` leaves out"] * 2),
    ],
)
def test_what_kustomize_would_apply_is_what_was_proven(was: str, now: str, said: list[str]) -> None:
    found = read(LISTED.replace(was, now).encode(), "kustomization.yaml")
    assert not isinstance(found, Diagnostic)
    told = [each.message for each in misapplied(found[0], ["a/web.yaml", "a/_namespace.yaml"])]
    assert [word in message for word, message in zip(said, told, strict=True)] == [True] * len(said)
