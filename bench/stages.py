"""One compile in one process, its stages apart: CPU seconds each."""

import gc
import json
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from importlib import import_module
from pathlib import Path
from typing import TypeVar

from zt_dsl.compiler import Build, Ready, plan
from zt_dsl.manifests.emit import Written, emit
from zt_dsl.manifests.kustomization import kustomization
from zt_dsl.manifests.publish import commit, stage
from zt_dsl.manifests.read import ReadDocument, read
from zt_dsl.model.platform import Platform
from zt_dsl.model.recording import recording
from zt_dsl.model.topology import Topology
from zt_dsl.reach.declared import reach_of
from zt_dsl.reach.difference import differences
from zt_dsl.resolve import resolve
from zt_dsl.review import review

T = TypeVar("T")


def measured(folder: Path) -> dict[str, float]:
    """The stages of compiling `workload.py` in a folder, in order."""
    spent: dict[str, float] = {}

    def timed(stage_name: str, run: Callable[[], T]) -> T:
        started = time.process_time()
        result = run()
        spent[stage_name] = time.process_time() - started
        return result

    sys.path.insert(0, str(folder))
    with recording() as recorded:
        module = timed("load", lambda: import_module("workload"))
    topology, platform = module.topology, module.platform
    assert isinstance(topology, Topology)
    assert isinstance(platform, Platform)
    resolved = timed("resolve", lambda: resolve(topology, platform, on=date(2026, 11, 23), recorded=recorded))
    policy = resolved.policy
    assert policy is not None
    planned = timed("plan and passes", lambda: plan(policy))
    assert isinstance(planned, Ready)
    ready, backend = planned.policy, planned.layers[0].backend
    documents = timed("lower", lambda: dict(backend.lower(ready, folder)))
    written: Written = {}
    files = timed("write", lambda: {path: emit(of_path, written).encode() for path, of_path in documents.items()})
    files["kustomization.yaml"] = emit((kustomization(tuple(documents)),)).encode()
    files["review.md"] = timed("review", lambda: review(ready, (), backend.name, folder, backend.notes(ready)).encode())
    built = Build(files, tuple(documents), len(documents))
    with tempfile.TemporaryDirectory() as out:
        staged = timed("stage", lambda: stage(Path(out, "out"), built.files, project=folder))
        assert not isinstance(staged, tuple)

        def read_back() -> list[ReadDocument]:
            found: list[ReadDocument] = []
            for path in built.manifests:
                of_path = read(staged.read(path), path)
                assert isinstance(of_path, tuple)
                found.extend(of_path)
            return found

        back = timed("read back", read_back)
        namespaces = frozenset(place.namespace for place in ready.governed)
        permitted, problems = timed("understand", lambda: backend.read(back, namespaces, ready.platform))
        assert problems == ()
        wrong = timed("compare", lambda: differences(reach_of(ready), permitted, sorted(namespaces)))
        assert wrong == ()
        timed("publish", lambda: commit(staged))
    return spent


if __name__ == "__main__":
    gc.disable()
    print(json.dumps(measured(Path(sys.argv[1]))))
