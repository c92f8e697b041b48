"""Which files are ours: `.zt/manifest.json`, with a hash for each of them and one over itself."""

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Final

from attrs import field, frozen

DIRECTORY: Final = ".zt"
MANIFEST: Final = f"{DIRECTORY}/manifest.json"

_FORMAT = 1


@frozen
class Ownership:
    """The files that zt_dsl wrote, by path, with the sha256 of what it wrote; and how they came to be."""

    files: Mapping[str, str] = field(factory=dict)
    meta: Mapping[str, str] = field(factory=dict)


def digest(data: bytes) -> str:
    return sha256(data).hexdigest()


def ownership(files: Mapping[str, bytes], meta: Mapping[str, str]) -> Ownership:
    return Ownership({path: digest(data) for path, data in files.items()}, meta)


def encode(owned: Ownership) -> bytes:
    """Sorted, one file a line: it is committed, and merged by people."""
    content = {"format": _FORMAT, "meta": dict(owned.meta), "files": dict(owned.files)}
    return _text({**content, "sha256": digest(_text(content))})


def decode(data: bytes) -> Ownership | str:
    """What the file says; or, where it cannot be trusted, why not."""
    try:
        content = json.loads(data)
    except (ValueError, RecursionError):
        return "it is not JSON"
    if not isinstance(content, dict):
        return "it is not a JSON object"
    if content.get("format") != _FORMAT:
        return f"its format is {content.get('format')!r}; this version of zt_dsl knows {_FORMAT}"
    claimed = content.pop("sha256", None)
    if claimed != digest(_text(content)):
        return "its hash is not that of its content"
    files, meta = _strings(content.get("files")), _strings(content.get("meta"))
    # A path that leads out of the directory would have us prune somebody else's file.
    if files is None or meta is None or not all(map(is_ours, files)):
        return "it does not hold what it should"
    return Ownership(files, meta)


def _text(content: Mapping[str, object]) -> bytes:
    return (json.dumps(content, indent=1, sort_keys=True) + "\n").encode()


def _strings(content: object) -> dict[str, str] | None:
    if not isinstance(content, dict) or not all(isinstance(value, str) for value in content.values()):
        return None
    return content


def is_ours(path: str) -> bool:
    """Whether a file of ours may have this path: plain names, inside the directory, outside `.zt`."""
    parts = path.split("/")
    plain = all(part not in ("", ".", "..") and not set(part) & {"\0", "\\"} for part in parts)
    return plain and parts[0] != DIRECTORY
