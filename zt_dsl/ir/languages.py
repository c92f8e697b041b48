"""Sets of lists of words, closed under union, intersection and subtraction.

A path is a list of segments, from the left; a name is a list of labels, from the right. What can be said about
either is of one shape: what each of the first words may be, and whether others may follow. So a small closed
algebra decides equality, inclusion and overlap, where comparing texts, or sampling, would guess.

Only the last word of a list may be empty: a path that ends in a slash. There is no empty list.
"""

from collections.abc import Iterable, Iterator, Sequence

from attrs import evolve, frozen

from zt_dsl.ir.selector import Values

ANY_WORD = Values(frozenset(), others=True)
"""Every word, the empty one too."""
SOME_WORD = Values(frozenset({""}), others=True)
"""Every word that is not empty."""


def word(text: str) -> Values:
    """This word alone."""
    return Values(frozenset({text}))


@frozen(cache_hash=True)
class Words:
    """The lists whose first words are each in its set of `words`; after these any number of `more`, or none.

    In sets that are joined or compared `more` is the same wherever there is one: `ANY_WORD` for paths, `SOME_WORD`
    for names.
    """

    words: tuple[Values, ...]
    more: Values | None = None

    @property
    def empty(self) -> bool:
        """No list is inside."""
        if not self.words:
            return self.more is None
        *inner, last = self.words
        return last.empty or any((each & SOME_WORD).empty for each in inner)

    def contains(self, words: Sequence[str]) -> bool:
        """Whether this list is inside."""
        if len(words) < len(self.words) or (len(words) > len(self.words) and self.more is None):
            return False
        return all(each.contains(text) for each, text in zip(self._long(len(words)), words, strict=True))

    def example(self) -> tuple[str, ...]:
        """A list that is inside. Undefined where none is."""
        *inner, last = self._long(max(1, len(self.words)))
        found = [(each & SOME_WORD).example() or "" for each in inner]
        return (*found, _last(last))

    def _long(self, length: int) -> tuple[Values, ...]:
        """What the first words of a list of this length may be, if that is no shorter than `words`."""
        return self.words + (self.more or ANY_WORD,) * (length - len(self.words))


def _last(words: Values) -> str:
    """One of these, the empty word only where there is no other."""
    some = words & SOME_WORD
    return (words if some.empty else some).example() or ""


@frozen(cache_hash=True)
class Language:
    """All the lists that are in one of `parts`."""

    parts: tuple[Words, ...] = ()

    def __or__(self, other: "Language") -> "Language":
        return Language(self.parts + other.parts)

    def __and__(self, other: "Language") -> "Language":
        return language(_both(one, another) for one in self.parts for another in other.parts)

    def __sub__(self, other: "Language") -> "Language":
        left = self.parts
        for taken in other.parts:
            # Without what holds nothing: each step may split a part once for each of its words.
            left = tuple(rest for part in left for rest in _minus(part, taken) if not rest.empty)
        return language(left)

    def __bool__(self) -> bool:
        return any(not part.empty for part in self.parts)

    def contains(self, words: Sequence[str]) -> bool:
        """Whether this list is inside."""
        return any(part.contains(words) for part in self.parts)

    def example(self) -> tuple[str, ...]:
        """A list that is inside. Raises StopIteration where none is."""
        return next(part for part in self.parts if not part.empty).example()


def language(parts: Iterable[Words | None]) -> Language:
    """The union of these, without those that hold nothing."""
    return Language(tuple(dict.fromkeys(part for part in parts if part is not None and not part.empty)))


def _both(one: Words, other: Words) -> Words | None:
    if len(one.words) < len(other.words):
        one, other = other, one
    if len(one.words) > len(other.words) and other.more is None:
        return None
    words = tuple(mine & theirs for mine, theirs in zip(one.words, other._long(len(one.words)), strict=True))
    return Words(words, one.more if other.more is not None else None)


def _minus(part: Words, taken: Words) -> Iterator[Words]:
    """What is in `part` and not in `taken`, in parts that have nothing in common."""
    if _both(part, taken) is None:
        yield part
        return
    shortest = len(taken.words)
    if part.more is not None:
        for length in range(len(part.words), shortest):
            yield Words(part._long(length))
        if taken.more is None:
            yield Words(part._long(shortest + 1), part.more)
    # What is left has the lengths of both: it is not in `taken` where one of its words is not.
    length = max(len(part.words), shortest)
    left = Words(part._long(length), part.more if taken.more is not None else None)
    for at, theirs in enumerate(taken._long(length)):
        before, mine, after = left.words[:at], left.words[at], left.words[at + 1 :]
        yield evolve(left, words=(*before, mine & ~theirs, *after))
        left = evolve(left, words=(*before, mine & theirs, *after))
