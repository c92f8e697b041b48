"""Native NetworkPolicy v1, Kubernetes 1.25 to 1.37."""

from collections.abc import Sequence

from zt_dsl.backends.base import Backend
from zt_dsl.backends.kubernetes.capabilities import CAPABILITIES, JUDGED, VERSIONS
from zt_dsl.backends.kubernetes.lower import lower
from zt_dsl.backends.kubernetes.notes import notes
from zt_dsl.backends.kubernetes.schemas import check
from zt_dsl.backends.kubernetes.semantics import reach_of
from zt_dsl.diagnostics import Diagnostic
from zt_dsl.ir.platform import Platform
from zt_dsl.manifests.read import ReadDocument
from zt_dsl.passes import PASSES
from zt_dsl.reach.grants import Reach


def _read(
    documents: Sequence[ReadDocument], governed: frozenset[str], _: Platform
) -> tuple[Reach, tuple[Diagnostic, ...]]:
    """Nothing of what these objects mean depends on the platform."""
    return reach_of(documents, governed)


BACKEND = Backend(
    "Kubernetes NetworkPolicy",
    "networking.k8s.io",
    VERSIONS,
    JUDGED,
    CAPABILITIES,
    passes=lambda _: PASSES,
    refuse=lambda _: (),
    lower=lower,
    read=_read,
    check=check,
    notes=notes,
)
