"""The CustomResourceDefinitions that engines install, release by release: `cilium("1.20")`, `istio("1.31")`.

Calico's for projectcalico.org/v3 are in no module that can be had: `CalicoEngine.definitions` stands in for them.

They are in the engines' own Go modules, which the go command downloads; nothing of those is in this repository.
What is downloaded is verified twice: by the go command, against the checksum database, and here, against the hash
of the module's files (`h1:`, as go.sum has it) that stands beside each version. The files that are wanted are then
kept in the engines' cache under that hash, and the next run downloads nothing.
"""

import base64
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from attrs import frozen

from tests.conformance.engines import build

Minor = Literal["1.15", "1.16", "1.17", "1.18", "1.19", "1.20"]
IstioMinor = Literal["1.24", "1.26", "1.30", "1.31"]


@frozen
class Module:
    """Where an engine has its definitions: files of one folder."""

    name: str
    path: str
    folder: str
    files: tuple[str, ...]


CILIUM = Module(
    "cilium",
    "github.com/cilium/cilium",
    "pkg/k8s/apis/cilium.io/client/crds/v2",
    ("ciliumnetworkpolicies.yaml", "ciliumclusterwidenetworkpolicies.yaml"),
)
# The same file, byte for byte, as istio.io/istio has in manifests/charts/base/files/crd-all.gen.yaml.
ISTIO = Module("istio", "istio.io/api", "kubernetes", ("customresourcedefinitions.gen.yaml",))


@frozen
class Release:
    """A version of the module, and the hash of all its files."""

    version: str
    sum: str
    module: Module = CILIUM


# The last of each minor that the checksum database knows and the module proxy serves.
RELEASES: Mapping[Minor, Release] = {
    "1.15": Release("v1.15.19", "h1:paLLN6chvDJiW9FB31c2KHdtFbkFB6QsVxgvLHN9XHs="),
    "1.16": Release("v1.16.19", "h1:t8UqCIzIeRuKOEZ9B5kj8usoVtjxMA1Z3dKVUMxozL0="),
    "1.17": Release("v1.17.16", "h1:Q7P7zQ2Y9RVmc4oTklyJya3Xgc4aUEa448rb/snKvlI="),
    "1.18": Release("v1.18.11", "h1:8KV/ntPoZ6nRMW1l+AVbvkbvIHJhv2ZiBFJD5MEEthg="),
    "1.19": Release("v1.19.7", "h1:tB4VfNVhRRlUD1fnVrZN/qhDQnjluMRMcWLK8XDRS6w="),
    "1.20": Release("v1.20.2", "h1:dqiEGIcXc+gqCLYG/l7VCFJ8GHyb4HUrwbZOpkX5dL8="),
}

# Those that are served at all; of 1.26 it is the beta alone.
ISTIO_RELEASES: Mapping[IstioMinor, Release] = {
    "1.24": Release("v1.24.2", "h1:jYjcN6Iq0RPtQj/3KMFsybxmfqmjGN/dxhL7FGJEdIM=", ISTIO),
    "1.26": Release("v1.26.0-beta.0", "h1:m1WxHjHdAOrjuz0YzSFgzlKRmf3hvVmspkWTM6FX/po=", ISTIO),
    "1.30": Release("v1.30.8", "h1:/weRNO9YbJsKqFibiGCjXG1i+UwNhJb3vts6ChGR554=", ISTIO),
    "1.31": Release("v1.31.4", "h1:AcnncYrlDj1PJkym7h88Gggkef4MAra8QpGaXRMsr+E=", ISTIO),
}


def cilium(minor: Minor, plural: str = "ciliumnetworkpolicies") -> str:
    """The definition as that release ships it. Raises CannotBuildError where it cannot be had, or is not the one."""
    return _text(RELEASES[minor], f"{plural}.yaml")


def istio(minor: IstioMinor, plural: str = "authorizationpolicies") -> str:
    """The same of Istio, of the group security.istio.io."""
    [found] = [
        part
        for part in _text(ISTIO_RELEASES[minor], *ISTIO.files).split("\n---\n")
        if f"\n  name: {plural}.security.istio.io\n" in part
    ]
    return found


def calico_storage(plural: str) -> str:
    """What Calico 3.31 stores, of the group crd.projectcalico.org; out of the module that its engine links.

    The checksum database does not know that version: the engine's go.sum does, and the go command verifies by it.
    """
    told: Mapping[str, str] = json.loads(
        build.go(build.target("calico").module, "mod", "download", "-json", "github.com/projectcalico/calico")
    )
    folder = Path(told["Dir"]) / "libcalico-go" / "config" / "crd"
    return (folder / f"crd.projectcalico.org_{plural}.yaml").read_text(encoding="utf-8")


def _text(release: Release, file: str) -> str:
    kept = copy(release)
    if not kept.exists():
        download(release)
    return (kept / file).read_text(encoding="utf-8")


def copy(release: Release) -> Path:
    """Where the files of a release are kept."""
    digest = base64.b64decode(release.sum.removeprefix("h1:")).hex()
    return build.cache() / "crds" / f"{release.module.name}-{release.version}-{digest[:20]}"


def download(release: Release) -> None:
    """Copies under a temporary name and renames: an interrupted download leaves no half copy."""
    kept = copy(release)
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".crds-", dir=kept.parent) as temporary:
        # A directory without a go.mod, so that none is changed.
        folder = _module(Path(temporary), release) / release.module.folder
        files = Path(temporary) / "files"
        files.mkdir()
        for name in release.module.files:
            (files / name).write_bytes((folder / name).read_bytes())
        try:
            files.rename(kept)
        except OSError:
            # Another run was faster; what it kept is the same.
            if not kept.exists():
                raise


def _module(directory: Path, release: Release) -> Path:
    """Where Go has unpacked the module, once its sum is the one that we know."""
    wanted = f"{release.module.path}@{release.version}"
    told: Mapping[str, str] = json.loads(build.go(directory, "mod", "download", "-json", wanted))
    if told["Sum"] != release.sum:
        raise build.CannotBuildError(f"{wanted} has the sum {told['Sum']}, and the one that is known is {release.sum}")
    return Path(told["Dir"])
