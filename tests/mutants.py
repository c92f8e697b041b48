"""Emitted manifests, changed: trees, changes and files, whichever engine they are for.

An operator takes all files, as a reader of YAML has them, and gives every set of files with one such change. Trees are
never changed in place, so whatever is the same object before and after is the same.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from ipaddress import ip_network
from random import Random
from typing import TypeAlias

import yaml
from attrs import frozen

from tests.conformance.engines.process import Document, Json
from tests.conformance.test_semantics import written

Files: TypeAlias = Mapping[str, tuple[Document, ...]]


Operator: TypeAlias = Callable[[Files], Iterable[Files]]


Path: TypeAlias = tuple[str | int, ...]


class Gone:
    """What stands where something was taken out."""


GONE = Gone()


EACH = Gone()
"""In a pattern: whatever the index."""


Change: TypeAlias = Callable[[Json], Iterable[Json | Gone]]


Pattern: TypeAlias = tuple[str | tuple[str, ...] | Gone, ...]


# --- trees ----------------------------------------------------------------------------------------------


def fields(tree: Json) -> Document:
    assert isinstance(tree, Mapping)
    return tree


def items(tree: Json) -> Sequence[Json]:
    assert isinstance(tree, Sequence)
    assert not isinstance(tree, str)
    return tree


def places(tree: Json, pattern: Pattern, at: Path = ()) -> Iterator[tuple[Path, Json]]:
    """Each place of a tree that the pattern is for, and what stands there."""
    if not pattern:
        yield at, tree
        return
    step, rest = pattern[0], pattern[1:]
    if isinstance(step, Gone):
        if isinstance(tree, Sequence) and not isinstance(tree, str):
            for index, item in enumerate(tree):
                yield from places(item, rest, (*at, index))
    elif isinstance(tree, Mapping):
        for key in (step,) if isinstance(step, str) else step:
            if key in tree:
                yield from places(tree[key], rest, (*at, key))


def replaced(tree: Json, at: Path, new: Json | Gone) -> Json:
    """The tree with another value there, or with none."""
    step, rest = at[0], at[1:]
    inner: Json | Gone
    if isinstance(step, int):
        old = items(tree)
        inner = replaced(old[step], rest, new) if rest else new
        return [*old[:step], *([] if isinstance(inner, Gone) else [inner]), *old[step + 1 :]]
    known = fields(tree)
    inner = replaced(known[step], rest, new) if rest else new
    return {key: value for key, value in {**known, step: inner}.items() if not isinstance(value, Gone)}


def inside(pattern: Pattern, change: Change) -> Operator:
    """The change, wherever the pattern fits in a document; of the empty one that is the document itself."""

    def edited(files: Files) -> Iterator[Files]:
        for path, documents in files.items():
            for number, document in enumerate(documents):
                for at, value in places(document, pattern):
                    for new in change(value):
                        if new == value:
                            continue
                        whole = replaced(document, at, new) if at else new
                        middle = () if isinstance(whole, Gone) else (fields(whole),)
                        yield {**files, path: (*documents[:number], *middle, *documents[number + 1 :])}

    return edited


# --- changes --------------------------------------------------------------------------------------------


def to(*values: Json | Gone) -> Change:
    return lambda _: values


drop = to(GONE)


def put(more: Document) -> Change:
    """These fields with the others, instead of those of the same names."""
    return lambda tree: ({**fields(tree), **more},)


def instead_of(key: str, more: Document) -> Change:
    """These fields, and not that one."""

    def change(tree: Json) -> Iterator[Json]:
        if key in fields(tree):
            yield {**{other: value for other, value in fields(tree).items() if other != key}, **more}

    return change


def also(*more: Json) -> Change:
    """A list with one of these behind the rest."""
    return lambda tree: [[*items(tree), each] for each in more if each not in items(tree)]


def of_text(change: Callable[[str], Iterable[str]]) -> Change:
    return lambda tree: [new for new in change(str(tree)) if new != tree]


def both(*changes: Change) -> Change:
    return lambda tree: [new for change in changes for new in change(tree)]


def joined(*operators: Operator) -> Operator:
    return lambda files: (edited for operator in operators for edited in operator(files))


def rotated(tree: Json) -> Iterator[Json]:
    if len(items(tree)) > 1:
        yield [*items(tree)[1:], items(tree)[0]]


def repeated(tree: Json) -> Iterator[Json]:
    if items(tree):
        yield [*items(tree), items(tree)[0]]


# --- changes of blocks of addresses ------------------------------------------------------------------------


def wider_block(cidr: str) -> Iterator[str]:
    network = ip_network(cidr)
    if network.prefixlen:
        yield str(network.supernet())


def half_block(cidr: str) -> Iterator[str]:
    network = ip_network(cidr)
    if network.prefixlen < network.max_prefixlen:
        yield str(next(network.subnets()))


def every_address(cidr: str) -> Iterator[str]:
    yield "::/0" if ":" in cidr else "0.0.0.0/0"


def halved_blocks(tree: Json) -> Iterator[Json]:
    """Two halves for a block."""
    blocks = items(tree)
    for index, block in enumerate(blocks):
        network = ip_network(str(block))
        if network.prefixlen < network.max_prefixlen:
            yield [*blocks[:index], *map(str, network.subnets()), *blocks[index + 1 :]]


# --- objects and files ----------------------------------------------------------------------------------


def another_object(metadata: Document) -> Operator:
    """A copy of an object in its file, under another name or in another namespace."""

    def edited(files: Files) -> Iterator[Files]:
        for path, documents in files.items():
            for document in documents:
                about = {**fields(document["metadata"]), **metadata}
                if about["namespace"] != fields(document["metadata"])["namespace"] or "namespace" not in metadata:
                    yield {**files, path: (*documents, {**document, "metadata": about})}

    return edited


def elsewhere(files: Files) -> Iterator[Files]:
    """An object moved to each other namespace that has some."""
    namespaces = sorted({str(fields(one["metadata"])["namespace"]) for some in files.values() for one in some})
    yield from inside(("metadata", "namespace"), of_text(lambda _: (*namespaces, "elsewhere")))(files)


def dropped_file(files: Files) -> Iterator[Files]:
    for path in files:
        yield {other: documents for other, documents in files.items() if other != path}


def renamed_file(files: Files) -> Iterator[Files]:
    for path in files:
        yield {f"{other}.yml" if other == path else other: documents for other, documents in files.items()}


def one_file(files: Files) -> Iterator[Files]:
    yield {"all.yaml": tuple(document for documents in files.values() for document in documents)}


def again(files: Files) -> Iterator[Files]:
    """A file that was copied and never changed."""
    for path, documents in files.items():
        yield {**files, f"copy-of-{path.replace('/', '-')}": documents}


# --- bytes ----------------------------------------------------------------------------------------------


def _commented(data: bytes) -> Iterator[bytes]:
    lines = data.decode().splitlines()
    yield "\n".join(("# reviewed", "", *lines, "# the end", "")).encode()
    yield "".join(f"{line}{' # here' * line.endswith(':')}\n" for line in lines).encode()


def _as_json(data: bytes) -> Iterator[bytes]:
    documents = parsed(data)
    if len(documents) == 1:
        yield json.dumps(documents[0], indent=1).encode()


# Of the bytes, which say the same.
TEXT_OPERATORS: Mapping[str, Callable[[bytes], Iterable[bytes]]] = {
    "extra comments": _commented,
    "as JSON": _as_json,
}


# --- mutants --------------------------------------------------------------------------------------------


@cache
def parsed(data: bytes) -> tuple[Document, ...]:
    """As PyYAML reads it: no part of zt_dsl has a hand in that."""
    return tuple(yaml.load_all(data, Loader=yaml.CSafeLoader))


@frozen(eq=False)
class Mutant:
    """Files with one change; `changed` are the documents that are in one of the two sets alone, before and after."""

    operator: str
    text: Mapping[str, bytes]
    documents: tuple[Document, ...]
    before: tuple[Document, ...]
    after: tuple[Document, ...]

    def __str__(self) -> str:
        sides = ("---\n".join(map(written, some)) for some in (self.before, self.after))
        return f"{self.operator}\n" + "=== becomes ===\n".join(sides)


def mutants(
    text: Mapping[str, bytes], random: Random, most: int, operators: Mapping[str, Operator]
) -> Iterator[Mutant]:
    """At most so many of each operator that finds something to change in these files."""
    files = {path: parsed(data) for path, data in text.items()}
    for name, operator in operators.items():
        edits = list(operator(files))
        for edited in random.sample(edits, min(most, len(edits))):
            yield _mutant(name, text, files, edited)


def rewritten(text: Mapping[str, bytes], random: Random, most: int) -> Iterator[Mutant]:
    """The same objects, in other bytes."""
    documents = tuple(document for data in text.values() for document in parsed(data))
    for name, operator in TEXT_OPERATORS.items():
        edits = [(path, data) for path, old in text.items() for data in operator(old)]
        for path, data in random.sample(edits, min(most, len(edits))):
            yield Mutant(name, {**text, path: data}, documents, parsed(text[path]), parsed(data))


def _mutant(operator: str, text: Mapping[str, bytes], files: Files, edited: Files) -> Mutant:
    new = {
        path: text[path] if documents is files.get(path) else "---\n".join(map(written, documents)).encode()
        for path, documents in edited.items()
    }
    old = [document for documents in files.values() for document in documents]
    now = [document for documents in edited.values() for document in documents]
    before, after = Counter(map(id, old)), Counter(map(id, now))
    unlike = {number for number in before | after if before[number] != after[number]}
    gone, there = (tuple(one for one in some if id(one) in unlike) for some in (old, now))
    return Mutant(operator, new, tuple(now), gone, there)
