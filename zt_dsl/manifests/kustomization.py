"""The tree of `kustomization.yaml`."""

from collections.abc import Sequence

from zt_dsl.manifests.tree import Document


def kustomization(resources: Sequence[str], comments: tuple[str, ...] = ()) -> Document:
    """Applies the files in the order given: allows first, default denies last.

    kustomize sorts by kind unless it is told otherwise; a default deny that came before its allows would cut
    connections that are declared, for as long as the apply takes.
    """
    return Document(
        comments,
        {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "sortOptions": {"order": "fifo"},
            "resources": tuple(resources),
        },
    )
