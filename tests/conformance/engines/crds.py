"""The CustomResourceDefinitions that Cilium installs, release by release: `cilium("1.20")`.

They are in the module github.com/cilium/cilium, which the go command downloads; nothing of it is in this
repository. What is downloaded is verified twice: by the go command, against the checksum database, and here,
against the hash of the module's files (`h1:`, as go.sum has it) that stands beside each version. The files that
are wanted are then kept in the engines' cache under that hash, and the next run downloads nothing.
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

MODULE = "github.com/cilium/cilium"
FOLDER = "pkg/k8s/apis/cilium.io/client/crds/v2"
PLURALS = ("ciliumnetworkpolicies", "ciliumclusterwidenetworkpolicies")


@frozen
class Release:
    """A version of the module, and the hash of all its files."""

    version: str
    sum: str


# The last of each minor that the checksum database knows and the module proxy serves.
RELEASES: Mapping[Minor, Release] = {
    "1.15": Release("v1.15.19", "h1:paLLN6chvDJiW9FB31c2KHdtFbkFB6QsVxgvLHN9XHs="),
    "1.16": Release("v1.16.19", "h1:t8UqCIzIeRuKOEZ9B5kj8usoVtjxMA1Z3dKVUMxozL0="),
    "1.17": Release("v1.17.16", "h1:Q7P7zQ2Y9RVmc4oTklyJya3Xgc4aUEa448rb/snKvlI="),
    "1.18": Release("v1.18.11", "h1:8KV/ntPoZ6nRMW1l+AVbvkbvIHJhv2ZiBFJD5MEEthg="),
    "1.19": Release("v1.19.7", "h1:tB4VfNVhRRlUD1fnVrZN/qhDQnjluMRMcWLK8XDRS6w="),
    "1.20": Release("v1.20.2", "h1:dqiEGIcXc+gqCLYG/l7VCFJ8GHyb4HUrwbZOpkX5dL8="),
}


def cilium(minor: Minor, plural: str = "ciliumnetworkpolicies") -> str:
    """The definition as that release ships it. Raises CannotBuildError where it cannot be had, or is not the one."""
    kept = copy(RELEASES[minor])
    if not kept.exists():
        download(RELEASES[minor])
    return (kept / f"{plural}.yaml").read_text(encoding="utf-8")


def copy(release: Release) -> Path:
    """Where the files of a release are kept."""
    digest = base64.b64decode(release.sum.removeprefix("h1:")).hex()
    return build.cache() / "crds" / f"cilium-{release.version}-{digest[:20]}"


def download(release: Release) -> None:
    """Copies under a temporary name and renames: an interrupted download leaves no half copy."""
    kept = copy(release)
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".crds-", dir=kept.parent) as temporary:
        # A directory without a go.mod, so that none is changed.
        folder = _module(Path(temporary), release) / FOLDER
        files = Path(temporary) / "files"
        files.mkdir()
        for plural in PLURALS:
            (files / f"{plural}.yaml").write_bytes((folder / f"{plural}.yaml").read_bytes())
        try:
            files.rename(kept)
        except OSError:
            # Another run was faster; what it kept is the same.
            if not kept.exists():
                raise


def _module(directory: Path, release: Release) -> Path:
    """Where Go has unpacked the module, once its sum is the one that we know."""
    told: Mapping[str, str] = json.loads(build.go(directory, "mod", "download", "-json", f"{MODULE}@{release.version}"))
    if told["Sum"] != release.sum:
        raise build.CannotBuildError(
            f"{MODULE} {release.version} has the sum {told['Sum']}, and the one that is known is {release.sum}"
        )
    return Path(told["Dir"])
