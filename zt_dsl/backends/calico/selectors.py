"""The language of Calico's selectors, as sets of labels: `read("app == 'web' && !has(debug)")`.

Source: github.com/projectcalico/calico v3.31.0, `libcalico-go/lib/selector`: `tokenizer/tokenizer.go` (T) and
`parser/parser.go` (G). `!` binds tighter than `&&`, and that tighter than `||`; a string has no escapes.

An expression is a union of selectors: `||` gives several, and `!` what is outside of all of them. Parts of values
(`contains`, `starts with`, `ends with`) are no set of values that `ir.selector` can say, and are not read.
"""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from attrs import frozen

from zt_dsl.ir.selector import ANY_VALUE, EVERYTHING, Selector, Values, selector
from zt_dsl.manifests import forms

Union = tuple[Selector, ...]
"""The label sets that one of these selects; none selects nothing."""

EVERY: Union = (EVERYTHING,)


@frozen
class Unread:
    """Why an expression was not read. `refused`: Calico does not take it, either."""

    says: str
    refused: bool = True


class _UnreadError(Exception):
    def __init__(self, says: str, *, refused: bool = True) -> None:
        super().__init__(says)
        self.why = Unread(says, refused)


@lru_cache(maxsize=1 << 14)
def read_outside(text: str) -> Union | Unread:
    """What it does not select."""
    found = read(text)
    if isinstance(found, Unread):
        return found
    try:
        return _outside(found)
    except _UnreadError as error:
        return error.why


@lru_cache(maxsize=1 << 14)
def read(text: str) -> Union | Unread:
    """What it selects. Nothing but blanks selects everything."""
    if text.count("(") > _DEEPEST:
        return Unread(f"has more than {_DEEPEST} brackets", refused=False)
    try:
        tokens = tuple(_tokens(text))
        if len(tokens) == 1:
            return EVERY
        found, rest = _either(tokens)
    except _UnreadError as error:
        return error.why
    if len(rest) > 1:
        return Unread(f"goes on with {rest[0].text!r} where it should end")
    return found


# --- sets ------------------------------------------------------------------------------------------------

# More are nobody's to review, and double with each `!`.
_MOST = 64
_DEEPEST = 64


def both(one: Union, other: Union) -> Union:
    """What both select."""
    if one is EVERY:
        return other
    if other is EVERY:
        return one
    met = (mine & theirs for mine in one for theirs in other)
    return tuple(dict.fromkeys(each for each in met if not each.empty))


def _outside(union: Union) -> Union:
    """What it does not select."""
    left: Union = EVERY
    for taken in union:
        left = _bounded(tuple(piece for each in left for piece in each.minus(taken)))
    return left


def _bounded(union: Union) -> Union:
    if len(union) > _MOST:
        raise _UnreadError(f"comes to {len(union)} alternatives, more than {_MOST}", refused=False)
    return tuple(dict.fromkeys(union))


# --- grammar (G) -------------------------------------------------------------------------------------------


def _either(tokens: Sequence["_Token"]) -> tuple[Union, Sequence["_Token"]]:
    found, rest = _all_of(tokens)
    while rest[0].kind == "||":
        more, rest = _all_of(rest[1:])
        found = _bounded(found + more)
    return found, rest


def _all_of(tokens: Sequence["_Token"]) -> tuple[Union, Sequence["_Token"]]:
    found, rest = _operation(tokens)
    while rest[0].kind == "&&":
        more, rest = _operation(rest[1:])
        found = _bounded(both(found, more))
    return found, rest


def _operation(tokens: Sequence["_Token"]) -> tuple[Union, Sequence["_Token"]]:
    negated = False
    while tokens[0].kind == "!":
        negated, tokens = not negated, tokens[1:]
    found, rest = _term(tokens)
    return (_outside(found) if negated else found), rest


def _term(tokens: Sequence["_Token"]) -> tuple[Union, Sequence["_Token"]]:
    first, rest = tokens[0], tokens[1:]
    match first.kind:
        case "(":
            found, rest = _either(rest)
            return found, _expect(rest, ")")
        case "all":
            return EVERY, rest
        case "global":
            raise _UnreadError("has global(), which is no pod", refused=False)
        case "has":
            return _one(first.text, ANY_VALUE), rest
        case "label":
            return _comparison(first.text, rest)
        case _:
            raise _UnreadError(f"has {first.text!r} where a label, has(), all() or ( should be")


def _comparison(key: str, tokens: Sequence["_Token"]) -> tuple[Union, Sequence["_Token"]]:
    """`!=` and `not in` also hold where there is no such label (`parser/ast.go`, LabelNeValueNode)."""
    operator, rest = tokens[0], tokens[1:]
    match operator.kind:
        case "==" | "!=":
            values = Values(frozenset((_value(rest[0]),)))
            return _one(key, values if operator.kind == "==" else ~values), rest[1:]
        case "in" | "not in":
            listed, rest = _listed(_expect(rest, "{"))
            return _one(key, Values(listed) if operator.kind == "in" else ~Values(listed)), rest
        case "contains" | "starts with" | "ends with":
            raise _UnreadError(f"asks what `{key}` {operator.kind}: only whole values are compared", refused=False)
        case _:
            raise _UnreadError(f"has nothing that is asked of the label `{key}`")


def _listed(tokens: Sequence["_Token"]) -> tuple[frozenset[str], Sequence["_Token"]]:
    """A comma may stand behind the last (G)."""
    values: list[str] = []
    while tokens[0].kind == "text":
        values.append(_value(tokens[0]))
        tokens = tokens[1:]
        if tokens[0].kind != ",":
            break
        tokens = tokens[1:]
    return frozenset(values), _expect(tokens, "}")


def _value(token: "_Token") -> str:
    if token.kind != "text":
        raise _UnreadError(f"has {token.text!r} where a quoted value should be")
    if not forms.is_label_value(token.text):
        raise _UnreadError(f"compares with {token.text!r}, which is no label's value", refused=False)
    return token.text


def _one(key: str, values: Values) -> Union:
    if not forms.is_key(key):
        raise _UnreadError(f"names `{key}`, which is no label's key", refused=False)
    if values.empty:
        return ()
    return EVERY if (~values).empty else (selector(((key, values),)),)


def _expect(tokens: Sequence["_Token"], kind: str) -> Sequence["_Token"]:
    if tokens[0].kind != kind:
        raise _UnreadError(f"has {tokens[0].text!r} where {kind} should be")
    return tokens[1:]


# --- words (T) ---------------------------------------------------------------------------------------------


class _Token(NamedTuple):
    kind: str
    text: str


_BLANK = re.compile(r"[ \t]*")
_IDENTIFIER = re.compile(r"[A-Za-z0-9_./-]{1,512}(?![A-Za-z0-9_./-])")
_CALL = re.compile(r"has\([ \t]*([A-Za-z0-9_./-]+)[ \t]*\)|(all|global)\([ \t]*\)")
_SIGN = re.compile(r"==|!=|&&|\|\||[(){},!]")
_STRING = re.compile(r'"([^"]*)"|' + r"'([^']*)'")
# Only behind a label these are operators; `notin` and `startswith` are, too.
_OPERATOR = re.compile(
    r"(?:(contains)|(starts)[ \t]*with|(ends)[ \t]*with|(not)[ \t]*in|(in))[ \t]*(?![A-Za-z0-9_./-])"
)
_OPERATORS = ("contains", "starts with", "ends with", "not in", "in")


def _tokens(text: str) -> Iterator[_Token]:
    at, behind_label = _skip(text, 0), False
    while at < len(text):
        token, at = _token(text, at, behind_label)
        yield token
        behind_label, at = token.kind == "label", _skip(text, at)
    yield _Token("end", "the end")


def _skip(text: str, at: int) -> int:
    blank = _BLANK.match(text, at)
    return blank.end() if blank else at


def _token(text: str, at: int, behind_label: bool) -> tuple[_Token, int]:
    if sign := _SIGN.match(text, at):
        return _Token(sign[0], sign[0]), sign.end()
    if string := _STRING.match(text, at):
        return _Token("text", string[1] if string[1] is not None else string[2]), string.end()
    if behind_label:
        if operator := _OPERATOR.match(text, at):
            return _Token(_OPERATORS[(operator.lastindex or 1) - 1], operator[0].strip()), operator.end()
    elif call := _CALL.match(text, at):
        return (_Token("has", call[1]) if call[1] else _Token(call[2], call[0])), call.end()
    elif not text.startswith(("has(", "all(", "global("), at) and (label := _IDENTIFIER.match(text, at)):
        return _Token("label", label[0]), label.end()
    raise _UnreadError(f"cannot be read from {text[at : at + 20]!r} on")
