"""The neutral path language as Istio's `paths`: exact, a prefix that ends at a segment, or a template.

A path is compared after the mesh has normalised it, and without its query (istio v1.31,
`pilot/pkg/security/authz/model/generator.go`; Envoy, `uri_template`).
"""

from typing import Literal

from zt_dsl.ir.flow import Flow
from zt_dsl.ir.traffic import Methods, Routes

EVERY_PATH = "/**"
Normalization = Literal["NONE", "BASE", "MERGE_SLASHES", "DECODE_AND_MERGE_SLASHES"]


def exactly(path: str, normalization: Normalization) -> bool:
    """Whether the mesh can say this path and nothing wider.

    Only DECODE_AND_MERGE_SLASHES decodes `%2F`. Without it `a%2Fb` is one segment to the mesh, and two to a service
    that decodes it: `/static/..%2Fadmin` is inside `/static/**` then. A path without a parameter has no such twin, and
    `/**` is every path there is.
    """
    return normalization == "DECODE_AND_MERGE_SLASHES" or path == EVERY_PATH or not ("{" in path or path.endswith("**"))


def paths_of(path: str) -> tuple[str, ...]:
    """A route's path as values of `paths`; none for every path."""
    if path == EVERY_PATH:
        return ()
    segments = ["{*}" if segment.startswith("{") else segment for segment in path.split("/")]
    if segments[-1] != "**":
        return ("/".join(segments),)
    root = "/".join(segments[:-1])
    # The path itself; and all below it. A template takes no `*` beside its own.
    return (root, f"{root}/{{**}}" if "{" in root else f"{root}/*")


def method_path(method: str) -> str:
    """The path of a gRPC method, in the neutral language."""
    return "/" + method.replace("/*", "/{method}")


def asked_paths(flow: Flow) -> tuple[str, ...]:
    """The neutral paths of a narrowed flow."""
    match flow.narrowing:
        case Routes(routes=routes):
            return tuple(route.path for route in routes)
        case Methods(methods=methods):
            return tuple(map(method_path, methods))
        case _:
            return ()
