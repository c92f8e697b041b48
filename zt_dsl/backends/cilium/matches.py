"""What the regular expressions of HTTP rules match, as languages. Knows nothing of `expressions.py`.

RE2's syntax is read as far as it can be said exactly, in whole segments of normalised paths; any other expression is
not understood. They match all of the method, and all of the path with its query (github.com/cilium/cilium v1.20.2,
`pkg/envoy/policy/envoy_l7_rules_translator.go`).
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import product
from typing import TypeAlias

from attrs import evolve, frozen

from zt_dsl.ir.languages import ANY_WORD, SOME_WORD, Words, word
from zt_dsl.ir.paths import PLAIN
from zt_dsl.ir.selector import Values

Paths: TypeAlias = tuple[tuple[Values, Words], ...]
"""Whether a request has a query, and its path."""

EVERY_PATH: Paths = ((SOME_WORD, Words((ANY_WORD,), ANY_WORD)),)

_ASKING = SOME_WORD & ~word(PLAIN)


@frozen
class _Class:
    """One character, whichever is not one of these."""

    without: frozenset[str]


@frozen
class _Run:
    """Any number of such characters; at least so many."""

    of: _Class
    least: int


_Piece: TypeAlias = str | _Class | _Run
_Branch: TypeAlias = tuple[_Piece, ...]
# An expression is read as all that it may be, one branch each, written out.
_MOST_BRANCHES = 256
_EVERY = _Class(frozenset())
_IN_PATH = frozenset("/?#")


class _UnreadError(Exception):
    """The expression has something that is not known here."""


def _branches(text: str) -> list[_Branch]:
    """Raises `_UnreadError`."""
    found, at = _alternatives(text, 0)
    if at < len(text):
        raise _UnreadError
    return found


def _alternatives(text: str, at: int) -> tuple[list[_Branch], int]:
    """The branches from here to the end, or to the bracket that closes them."""
    found: list[_Branch] = []
    branches: list[_Branch] = [()]
    while at < len(text) and text[at] != ")":
        if text[at] == "|":
            found, branches, at = found + branches, [()], at + 1
            continue
        piece, at = _piece(text, at)
        if len(branches) * len(piece) > _MOST_BRANCHES:
            raise _UnreadError
        branches = [before + after for before, after in product(branches, piece)]
    if len(found) + len(branches) > _MOST_BRANCHES:
        raise _UnreadError
    return found + branches, at


def _piece(text: str, at: int) -> tuple[list[_Branch], int]:
    """A piece with the sign that repeats it."""
    atom, at = _atom(text, at)
    sign = text[at : at + 1]
    if sign not in ("*", "+", "?", "{") or not sign:
        return atom, at
    at += 1
    # What comes next would make it lazy, or repeat it again.
    if text[at : at + 1] in ("*", "+", "?", "{") and at < len(text):
        raise _UnreadError
    match sign, atom:
        case "?", _:
            return [*atom, ()], at
        case (("*" | "+"), [(_Class() as each,)]):
            return [(_Run(each, 1 if sign == "+" else 0),)], at
        case _:
            raise _UnreadError


def _atom(text: str, at: int) -> tuple[list[_Branch], int]:
    match text[at]:
        case "(":
            inside = at + 3 if text.startswith("(?:", at) else at + 1
            found, at = _alternatives(text, inside)
            if at == len(text):
                raise _UnreadError
            return found, at + 1
        case "[":
            return _class(text, at + 1)
        case ".":
            return [(_EVERY,)], at + 1
        case "^" if at == 0:
            return [()], at + 1
        case "$" if at == len(text) - 1:
            return [()], at + 1
        case _:
            character, at = _character(text, at)
            return [(character,)], at


_SPECIAL = frozenset("\\.+*?()[]{}|^$")


def _character(text: str, at: int) -> tuple[str, int]:
    """One that stands for itself, or is made to by a backslash; behind that a letter means something else."""
    character = text[at]
    if character == "\\":
        character = text[at + 1 : at + 2]
        if not character or character.isalnum():
            raise _UnreadError
        at += 1
    elif character in _SPECIAL:
        raise _UnreadError
    if not "!" <= character <= "~":
        raise _UnreadError
    return character, at + 1


def _class(text: str, at: int) -> tuple[list[_Branch], int]:
    """Characters in square brackets: each of them, or all but them."""
    negated = text.startswith("^", at)
    at += negated
    found: dict[str, None] = {}
    while True:
        character = text[at : at + 1]
        if not character or character in "[-^" or (character == "]" and not found):
            raise _UnreadError
        if character == "]":
            break
        if character == "\\":
            character, at = _character(text, at)
        else:
            at += 1
        found[character] = None
    if negated:
        return [(_Class(frozenset(found)),)], at + 1
    return [(character,) for character in found], at + 1


@lru_cache(maxsize=1 << 12)
def methods(text: str) -> tuple[Values, ...] | None:
    """The methods that match; None where that cannot be said exactly."""
    try:
        return tuple(map(_method, _branches(text)))
    except _UnreadError:
        return None


def _method(branch: _Branch) -> Values:
    if branch in ((_Run(_EVERY, 0),), (_Run(_EVERY, 1),)):
        return SOME_WORD
    return word(_literal(branch))


def _literal(branch: Sequence[_Piece]) -> str:
    """Raises `_UnreadError` where it is not one text, or an empty one."""
    text = "".join(piece if isinstance(piece, str) else " " for piece in branch)
    if not text or " " in text:
        raise _UnreadError
    return text


@lru_cache(maxsize=1 << 14)
def paths(text: str) -> Paths | None:
    """The paths that match, without a query and with any; None where that cannot be said exactly."""
    bare: dict[Words, None] = {}
    queried: dict[Words, None] = {}
    try:
        for branch in _branches(text):
            # No request has an empty path.
            if branch and branch[0] != "?":
                words, without, with_any = _path(branch)
                bare |= {words: None} if without else {}
                queried |= {words: None} if with_any else {}
    except _UnreadError:
        return None
    return (
        *((SOME_WORD, words) for words in _shortest(each for each in bare if each in queried)),
        *((word(PLAIN), words) for words in _shortest(each for each in bare if each not in queried)),
        *((_ASKING, words) for words in _shortest(each for each in queried if each not in bare)),
    )


def _path(branch: _Branch) -> tuple[Words, bool, bool]:
    """The paths of a branch; whether it is for them without a query, and with any. Raises `_UnreadError`."""
    path: Sequence[_Piece] = branch
    without, with_any = True, False
    last = branch[-1]
    if "?" in branch:
        cut = branch.index("?")
        path, query = branch[:cut], branch[cut + 1 :]
        if len(query) != 1 or not _is_run(query[0], frozenset("#"), frozenset(), 0):
            raise _UnreadError
        without, with_any = False, True
        last = path[-1]
    elif _is_run(last, frozenset("#"), frozenset(), 0):
        with_any = True
    if path in ((_Run(_EVERY, 0),), (_Run(_EVERY, 1),)):
        return Words((ANY_WORD,), ANY_WORD), without, True
    if path[0] != "/":
        raise _UnreadError
    if _is_run(last, frozenset("?#"), frozenset(), 0) and path[-2] == "/":
        # What begins behind this slash, however long.
        above = _segments(path[1:-2]) if len(path) > 2 else ()
        return Words((*above, ANY_WORD), ANY_WORD), without, with_any
    return Words(_segments(path[1:], ends=True)), without, with_any


def _segments(pieces: Sequence[_Piece], *, ends: bool = False) -> tuple[Values, ...]:
    """What stands between slashes; where the path ends here, the last may be empty."""
    parts: list[list[_Piece]] = [[]]
    for piece in pieces:
        if piece == "/":
            parts.append([])
        else:
            parts[-1].append(piece)
    return tuple(_segment(part, last=ends and number == len(parts)) for number, part in enumerate(parts, 1))


def _segment(pieces: Sequence[_Piece], *, last: bool) -> Values:
    """Raises `_UnreadError`, also for what no normalised path has."""
    match pieces:
        case [] if last:
            return word("")
        case [_Run() as run] if _is_run(run, _IN_PATH, frozenset("/?"), 1):
            return SOME_WORD
        case [_Run() as run] if last and _is_run(run, _IN_PATH, frozenset("/?"), 0):
            return ANY_WORD
        case _:
            text = _literal(pieces)
            if text in (".", "..") or "#" in text:
                raise _UnreadError
            return word(text)


def _is_run(piece: _Piece, most: frozenset[str], must: frozenset[str], least: int) -> bool:
    """Any number of characters without the ones that must not be in it, and `most` may not."""
    return isinstance(piece, _Run) and piece.least == least and must <= piece.of.without <= most


def _shortest(some: Iterable[Words]) -> Iterable[Words]:
    """A path and all below it as one: so that `/a` and `/a/**` are what a topology has for `/a/**`."""
    parts = dict.fromkeys(some)
    for each in tuple(parts):
        above = Words(each.words[:-1])
        if each.more is not None and each.words[-1] == ANY_WORD and above in parts:
            # In its place, so that the order is that of the rules.
            parts = {evolve(above, more=each.more) if part == above else part: None for part in parts if part != each}
    return parts
