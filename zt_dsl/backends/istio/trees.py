"""Reading trees of Istio's objects: in whatever form its definition has for them, and no other."""

from zt_dsl.manifests import forms
from zt_dsl.manifests.forms import Problem, Problems
from zt_dsl.manifests.read import Path
from zt_dsl.manifests.tree import Value

VANISHES = "an empty list or a null is lost on the way to istiod: the rule is then wider than it looks"
INEXACT = "only what can be compared exactly with the identities of pods is judged"


def fields(tree: Value, known: frozenset[str], at: Path, problems: Problems) -> dict[str, Value]:
    """The fields of a map; one that is null is refused."""
    found = forms.fields(tree, known, at, problems)
    if found is not tree and isinstance(tree, dict):
        problems += (Problem((*at, key), "is null", VANISHES) for key, value in tree.items() if value is None)
    return found


def elements(tree: Value, at: Path, problems: Problems) -> list[tuple[Path, Value]]:
    """The elements of a list and where they are; there must be one at least."""
    found = forms.elements(tree, at, problems)
    if found == [] == tree:
        problems.append(Problem(at, "must not be empty", VANISHES))
    return [((*at, index), each) for index, each in enumerate(found)]


def strings(tree: Value, at: Path, problems: Problems) -> list[tuple[Path, str]]:
    """The strings of such a list."""
    found: list[tuple[Path, str]] = []
    for here, each in elements(tree, at, problems):
        written = forms.text(each, bool, "anything", here, problems)
        if written:
            found.append((here, written))
    return found
