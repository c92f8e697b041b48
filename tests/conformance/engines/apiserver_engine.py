"""Asks a real API server, which stores what it takes, with typed questions and answers."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from attrs import frozen

from tests.conformance.engines.process import Document, Json, Process

Outcome = Literal["created", "changed", "unchanged", "refused"]
_OUTCOMES: Mapping[str, Outcome] = {
    "created": "created",
    "changed": "changed",
    "unchanged": "unchanged",
    "refused": "refused",
}


@frozen
class Applied:
    """What became of one manifest. `error` and its HTTP status say why it was refused; warnings come in any case."""

    outcome: Outcome
    error: str = ""
    status: int = 0
    warnings: tuple[str, ...] = ()


CREATED = Applied("created")
UNCHANGED = Applied("unchanged")


class ApiServer(Process):
    """kube-apiserver with its etcd, in a process of its own and a directory that goes with it.

    Source: k8s.io/kubernetes v1.37.2 and go.etcd.io/etcd/server v3.7.0, as `versions` confirms.
    """

    def install(self, definitions: Iterable[str]) -> None:
        """Puts these CustomResourceDefinitions (upstream's files, as text) in force and no others; clears first."""
        self.answer({"op": "install", "crds": list(definitions)})

    def apply(self, manifests: Iterable[Document], manager: str = "zt_dsl") -> list[Applied]:
        """Server-side apply, with strict validation, of one after the other; an answer for each, in order."""
        asked = list(manifests)
        reply = self.answer({"op": "apply", "manager": manager, "manifests": asked})
        answers = reply["applied"]
        assert isinstance(answers, Sequence)
        assert len(answers) == len(asked)
        return [_applied(answer) for answer in answers]

    def clear(self) -> None:
        """Deletes whatever was applied, with its namespaces; the definitions stay."""
        self.answer({"op": "clear"})


def _applied(reply: Json) -> Applied:
    assert isinstance(reply, Mapping)
    status, warnings = reply.get("code", 0), reply.get("warnings", ())
    assert isinstance(status, int)
    assert isinstance(warnings, Sequence)
    return Applied(_OUTCOMES[str(reply["outcome"])], str(reply.get("error", "")), status, tuple(map(str, warnings)))
