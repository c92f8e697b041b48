"""Names of files and objects: from identity, never from content, and no two alike."""

import re
from hashlib import sha256
from typing import Final

# No workload's file begins with `_`: a DNS name does not.
NAMESPACE_FILE: Final = "_namespace.yaml"
KUSTOMIZATION_FILE: Final = "kustomization.yaml"

_DNS_NAME = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?")
# Windows opens a device for these, whatever extension follows.
_DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(?=\.|$)")

_OBJECT_NAME_LIMIT = 253
# File systems stop at 255 bytes; this leaves room for an extension and for the hash.
_FILE_NAME_LIMIT = 200
_HASH_DIGITS = 10


def file_name(workload: str) -> str:
    """The file of a workload's objects, inside its namespace's directory. Different names, different files.

    Raises ValueError where the workload's name is not a DNS name: such a name must not come this far.
    """
    return _encoded(workload) + ".yaml"


def directory_name(namespace: str) -> str:
    """The directory of a namespace's files. Raises ValueError as `file_name` does."""
    return _encoded(namespace)


def object_name(prefix: str, identity: str, limit: int = _OBJECT_NAME_LIMIT) -> str:
    """`prefix-identity`, cut where it is longer than an object's name may be.

    A cut name is exactly `limit` long and an uncut one is shorter, so they never meet; two that are cut
    differ in the hash of the whole.
    """
    whole = f"{prefix}-{identity}"
    if len(whole) < limit:
        return whole
    # The cut must not leave `.-` or `--`: the hash grows over whatever is taken off.
    stem = whole[: limit - _HASH_DIGITS - 1].rstrip("-.")
    return f"{stem}-{_digest(whole)[: limit - len(stem) - 1]}"


def _encoded(name: str) -> str:
    """`_` is in no DNS name, so that whatever is marked with it cannot be another's name."""
    if not _DNS_NAME.fullmatch(name):
        raise ValueError(f"not a DNS name: {name!r}")
    if len(name) > _FILE_NAME_LIMIT:
        return f"{name[:_FILE_NAME_LIMIT]}_{_digest(name)[:_HASH_DIGITS]}"
    return _DEVICE.sub(r"\1_", name, count=1) if _DEVICE.match(name) else name


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()
