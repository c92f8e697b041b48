"""The tree of `kustomization.yaml`, written and read back: which files are applied."""

from collections.abc import Collection, Iterator, Sequence

from zt_dsl.diagnostics import Diagnostic
from zt_dsl.manifests import forms
from zt_dsl.manifests.forms import Problem, Problems
from zt_dsl.manifests.read import ReadDocument
from zt_dsl.manifests.tree import Document

API_VERSION, KIND = "kustomize.config.k8s.io/v1beta1", "Kustomization"


def kustomization(resources: Sequence[str], comments: tuple[str, ...] = ()) -> Document:
    """Applies the files in the order given: allows first, default denies last.

    kustomize sorts by kind unless it is told otherwise; a default deny that came before its allows would cut
    connections that are declared, for as long as the apply takes.
    """
    return Document(
        comments,
        {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "sortOptions": {"order": "fifo"},
            "resources": tuple(resources),
        },
    )


_KNOWN = frozenset({"apiVersion", "kind", "sortOptions", "resources"})
_CHANGED = "what kustomize changes on the way to the cluster is not what was proven"
_LEFT_OUT = "of what is not applied nothing is in force, and a default deny that is missing leaves everything open"
_UNSEEN = "it is applied, and was not read here"


def misapplied(document: ReadDocument, files: Collection[str]) -> Iterator[Diagnostic]:
    """ZT501 where it applies anything but these files as they are: paths relative to its directory."""
    problems: Problems = []
    body = document.body
    for key in sorted(body.keys() - _KNOWN):
        problems.append(Problem((key,), "changes what is applied", _CHANGED))
    if (body.get("apiVersion"), body.get("kind")) != (API_VERSION, KIND):
        problems.append(Problem(("kind",), f"is not {KIND} of {API_VERSION}", _CHANGED))
    listed = forms.elements(body.get("resources"), ("resources",), problems)
    for index, name in enumerate(listed):
        if name not in files:
            problems.append(Problem(("resources", index), "is no file that was proven", _UNSEEN))
    for name in sorted(set(files) - {each for each in listed if isinstance(each, str)}):
        problems.append(Problem(("resources",), f"leaves out {name}", _LEFT_OUT))
    yield from (forms.not_understood(document, problem) for problem in problems)
