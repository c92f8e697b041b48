"""Trees to YAML: a small strict block emitter.

Our own, because no library that we measured is both fast and right: they write `on`, `y` or `1e3` plain,
which some reader of Kubernetes' takes for a boolean or a number (docs/architecture.md has the figures).

A list stands at the indentation of the key that holds it, as `kubectl get -o yaml` and `kustomize build`
print it, so that a diff against a cluster shows differences and not layout.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from zt_dsl.manifests.tree import Document, EmptyMap, Item, Tree

# A string is plain only where every YAML 1.1 and 1.2 reader agrees that it is that string.
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*(?::[A-Za-z0-9_./-]+)*")
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"})

# What cannot be seen, breaks a line for some reader, turns the text around it, or is no character. Spelt out,
# not asked of `unicodedata`: its answers change with the version of Python, and our bytes must not.
_ODD = (
    "\x00-\x1f\x7f-\xa0\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202f"
    "\u205f-\u206f\u3000\u3164\ud800-\uf8ff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\uffff\U000e0000-\U0010ffff"
)
_ODD_IN_COMMENT = re.compile(f"[{_ODD}]")
_ODD_IN_QUOTES = re.compile(f'["\\\\{_ODD}]')
_SURROGATE = re.compile("[\ud800-\udfff]")
_SHORT = {"\n": "\\n", "\t": "\\t", '"': '\\"', "\\": "\\\\"}

# Readers give up on a key that is longer than 1,024 characters; integers beyond 64 bits become floats.
_LONGEST_KEY = 1000
_LARGEST_INT = 2**63


class Unwritable(ValueError):  # noqa: N818
    """The tree cannot be written: a bug in whoever made it, never the user's mistake."""


class EmptyList(Unwritable):
    """A list without elements: Kubernetes reads some of them as "nothing" and some as "anything"."""


class UnmarkedEmptyMap(Unwritable):
    """A map without entries that is not `EMPTY_MAP`."""


Written = dict[tuple[int, str], tuple[object, str]]
"""Items that were written before, by the id of the tree and the indentation: the tree, so that its id stays its
own, and its lines."""


def emit(documents: Iterable[Document], written: Written | None = None) -> str:
    """The documents as YAML, separated by `---`. Deterministic; every line ends with a line feed.

    A caller that writes many files may hand over one `written` for all of them, and the same tree (the same
    object) for what they have in common: it is then written once.

    Raises `Unwritable` for what must never be written: an empty list (`EmptyList`), a map that is empty by
    accident (`UnmarkedEmptyMap`), None, a float, an integer beyond 64 bits, a key that is no string or too
    long, a text with half a surrogate pair.
    """
    lines: list[str] = []
    for document in documents:
        if lines:
            lines.append("---")
        _comments("", document.comments, lines)
        _entries(document.body, "", "", lines, {} if written is None else written)
    return "\n".join(lines) + "\n" if lines else ""


# The two functions below are the hot path of every build: `isinstance` in order of frequency, where `match`
# with its class patterns takes twice as long.


def _entries(tree: Mapping[str, Tree], first: str, indent: str, lines: list[str], written: Written) -> None:
    """`first` is what the first line begins with: the indentation, or the dash of the item that holds it."""
    if not tree:
        raise _empty(tree, lines)
    start = first
    for key, value in tree.items():
        head = start + _key(key)
        if isinstance(value, str):
            lines.append(f"{head} {_text(value)}")
        elif isinstance(value, dict):
            lines.append(head)
            deeper = indent + "  "
            _entries(value, deeper, deeper, lines, written)
        elif isinstance(value, (list, tuple)):
            lines.append(head)
            _items(value, indent, lines, written)
        else:
            lines.append(f"{head} {_scalar(value, head)}")
        start = indent


def _items(tree: Sequence[Tree | Item], indent: str, lines: list[str], written: Written) -> None:
    if not tree:
        raise _empty(tree, lines)
    deeper = indent + "  "
    for element in tree:
        value = element
        if isinstance(value, Item):
            _comments(indent, value.comments, lines)
            value = value.value
        if isinstance(value, dict):
            known = written.get((id(value), indent))
            if known is None:
                own: list[str] = []
                _entries(value, f"{indent}- ", deeper, own, written)
                known = written[id(value), indent] = (value, "\n".join(own))
            lines.append(known[1])
        elif isinstance(value, str):
            lines.append(f"{indent}- {_text(value)}")
        elif isinstance(value, (list, tuple)):
            # On a line of its own, so that a comment above the inner list's first element has a place.
            lines.append(f"{indent}-")
            _items(value, deeper, lines, written)
        else:
            lines.append(f"{indent}- {_scalar(value, indent)}")


def _empty(tree: object, lines: list[str]) -> Unwritable:
    """What every empty list and map is refused with: each goes through `_entries` or `_items`."""
    where = lines[-1] if lines else ""
    if isinstance(tree, dict):
        return UnmarkedEmptyMap(f"an empty map under {where.strip()!r}; `EMPTY_MAP` says that it is meant")
    return EmptyList(f"an empty list under {where.strip()!r}")


def _scalar(value: object, where: str) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            if not -_LARGEST_INT <= value < _LARGEST_INT:
                raise Unwritable(f"an integer beyond 64 bits at {where.strip()!r}")
            return str(int(value))
        case EmptyMap():
            return value.value
        case _:
            raise Unwritable(f"a {type(value).__name__} at {where.strip()!r}")


@lru_cache(maxsize=1 << 17)
def _key(key: str) -> str:
    if not isinstance(key, str):
        raise Unwritable(f"a key that is a {type(key).__name__}, not a string: {key!r}")
    text = _text(key)
    if len(text) > _LONGEST_KEY:
        raise Unwritable(f"a key of {len(text)} characters: {text[:40]}…")
    return text + ":"


@lru_cache(maxsize=1 << 17)
def _text(value: str) -> str:
    if _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    if _SURROGATE.search(value):
        raise Unwritable(f"half a surrogate pair in {value!r}")
    return f'"{_ODD_IN_QUOTES.sub(_escape, value)}"'


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    code = ord(character)
    if character in _SHORT:
        return _SHORT[character]
    if code <= 0xFF:
        return f"\\x{code:02X}"
    return f"\\u{code:04X}" if code <= 0xFFFF else f"\\U{code:08X}"


def _comments(indent: str, comments: tuple[str, ...], lines: list[str]) -> None:
    """Whatever a comment says, it stays one: all that could end its line, or hide in it, is escaped."""
    lines += [indent + _comment(text) for text in comments]


# An edge is told at both of its ends, in the same words.
@lru_cache(maxsize=1 << 17)
def _comment(text: str) -> str:
    return f"# {_ODD_IN_COMMENT.sub(_escape, text)}".rstrip(" ")
