"""Traps: what Python accepts in silence and the user did not mean."""

import dis
from collections.abc import Sequence

from zt_dsl.ir.flow import Place
from zt_dsl.model.peers import KubeDns, Namespace, Service
from zt_dsl.model.statements import Statement
from zt_dsl.resolve.reading import Reading, kind_traps, place
from zt_dsl.source import Span

_POP_TOP = dis.opmap["POP_TOP"]
# Room that the interpreter keeps behind an instruction, written as instructions of their own.
_CACHE = dis.opmap["CACHE"]


def traps(reading: Reading, recorded: Sequence[object], governed: frozenset[Place]) -> None:
    """Report what was made while the user's modules were imported, and then forgotten."""
    code_of: dict[int, bytes] = {}
    # By name: a service that was read and is wrong has been told, and is not forgotten.
    known = {
        (model.namespace.name, model.name)
        for model, _ in reading.read.values()
        if isinstance(model, Service) and isinstance(model.namespace, Namespace)
    }
    names = {where.namespace for where in governed}
    for made in recorded:
        match made:
            case Statement() if _thrown_away(made.written_at, code_of):
                reading.found(
                    "ZT241",
                    "the value of this statement is thrown away",
                    (made.written_at, "nothing keeps it"),
                    why="Statements are plain values: one that no topology lists is not in force.",
                    help="put it in the list that the Topology gets",
                )
            case Service(namespace=Namespace() as namespace, name=str() as name):
                if isinstance(made, KubeDns) or namespace.name not in names:
                    continue
                # Read even where the service is known: another namespace of that name is told.
                where = place(reading, namespace, made.written_at)
                if where in governed and (namespace.name, name) not in known:
                    known.add((namespace.name, name))
                    reading.found(
                        "ZT226",
                        f"service `{name}` of the governed namespace `{where}` is in no statement",
                        (made.written_at, "declared here, and then forgotten"),
                        why="Its namespace refuses whatever no edge allows: its pods are cut off, without a file "
                        "that says so.",
                        help="write its edges, or list it in the topology's `services`",
                    )
            case type():
                kind_traps(reading, made)
            case _:
                pass


def _thrown_away(at: Span, code_of: dict[int, bytes]) -> bool:
    """Whether the call's value is dropped at once: the instruction after it is POP_TOP."""
    if not at.frames:
        return False
    code, instruction = at.frames[0]
    # By identity, and kept: a code object's hash covers all of a module's constants, and `co_code` is made anew
    # each time that it is asked for.
    known = code_of.get(id(code))
    if known is None:
        known = code_of[id(code)] = code.co_code
    following = instruction + 2
    while following < len(known) and known[following] == _CACHE:
        following += 2
    return following < len(known) and known[following] == _POP_TOP
