"""What the methods and paths of an operation match, as a language. Knows nothing of what writes them.

Source, with that of istio.io/istio v0.0.0-20260827124520-eed52ebb66ad: `pilot/pkg/security/authz/matcher`,
`pkg/config/security/security.go`; and a real Envoy v1.40.0, which the conformance tests ask.

A path is matched without its query, as Envoy has it after its path normalisation. A literal is the same to everybody.
What stands for any segment, or for several, holds paths such as `/a/..%2Fb` where Envoy leaves `%2F` as it is: whoever
behind it decodes that reads another path. So these are only understood where Envoy decodes it.

Boundary: a template's `{*}` and `{**}` match no segment with characters that no URL has unescaped, of which Envoy
leaves brackets as they are. The language holds them: what it lets through may be refused.
"""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

from zt_dsl.backends.istio.trees import strings
from zt_dsl.ir.languages import ANY_WORD, SOME_WORD, Language, Words, word
from zt_dsl.ir.paths import request
from zt_dsl.ir.platform import Istio
from zt_dsl.ir.selector import Values
from zt_dsl.manifests.forms import Problem, Problems
from zt_dsl.manifests.read import Path
from zt_dsl.manifests.tree import Value

_DECODED = "DECODE_AND_MERGE_SLASHES"
_EVERY_PATH = Language((Words((ANY_WORD,), ANY_WORD),))
_METHOD = re.compile(r"[!#$%&'+.^_`|~0-9A-Za-z-]+")
_SEGMENT = re.compile(r"(?!\.{1,2}\Z)[-A-Za-z0-9._~!$&'()+,=:@]+")
_UNREAD = "only whole segments of a normalised path can be compared exactly"
_ESCAPED = (
    "the mesh leaves `%2F` in a path as it is: a server that decodes it reads another path than the one that was let "
    "through"
)


def requests(methods: Value, paths: Value, mesh: Istio, at: Path, problems: Problems) -> Language:
    """One of the methods, and one of the paths; what is missing is any."""
    named = ["*"] if methods is None else _methods(methods, (*at, "methods"), problems)
    asked = _EVERY_PATH if paths is None else _paths(paths, mesh, (*at, "paths"), problems)
    return Language(tuple(part for method in named for part in request(method, asked).parts))


def _methods(tree: Value, at: Path, problems: Problems) -> Sequence[str]:
    """Letter by letter; `*` alone is any."""
    found = strings(tree, at, problems)
    for here, method in found:
        if method != "*" and not _METHOD.fullmatch(method):
            problems.append(Problem(here, f"is not a method: {method[:80]!r}", _UNREAD))
    return [method for _, method in found]


def _paths(tree: Value, mesh: Istio, at: Path, problems: Problems) -> Language:
    found: list[Words] = []
    for here, written in strings(tree, at, problems):
        words = _words(written)
        if words is None:
            problems.append(Problem(here, f"cannot be read exactly: {written[:80]!r}", _UNREAD))
        elif written != "/*" and ("*" in written) and mesh.path_normalization != _DECODED:
            says = f"stands for more than one path, with the path normalisation {mesh.path_normalization}"
            problems.append(Problem(here, says, _ESCAPED))
        else:
            found.append(words)
    return _joined(found)


def _joined(parts: Iterable[Words]) -> Language:
    return Language(tuple(dict.fromkeys(parts)))


@lru_cache(maxsize=1 << 12)
def _words(written: str) -> Words | None:
    """None where it cannot be said. `/a/*` begins with `/a/`, as `/a/{**}` does; neither is `/a` itself."""
    first, *segments = written.split("/")
    if first or not segments:
        return None
    *inner, last = segments
    rest = last == "{**}" or (last == "*" and "{" not in written)
    said = [_segment(each) for each in inner]
    said.append(ANY_WORD if rest else word("") if last == "" else _segment(last))
    known = tuple(each for each in said if each is not None)
    return Words(known, ANY_WORD if rest else None) if len(known) == len(said) else None


def _segment(written: str) -> Values | None:
    if written == "{*}":
        return SOME_WORD
    return word(written) if _SEGMENT.fullmatch(written) else None
