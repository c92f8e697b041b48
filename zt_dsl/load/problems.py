"""What can go wrong while a user's module is loaded, as diagnostics at the user's own lines."""

import difflib
from pathlib import Path
from types import ModuleType, TracebackType

from zt_dsl.diagnostics import Diagnostic, Label
from zt_dsl.resolve.names import literal
from zt_dsl.source import Location, Span, locate

_OURS = str(Path(__file__).parent.parent)


def missing(error: ModuleNotFoundError, asked: str, root: Path) -> Diagnostic:
    """A module is not there: the one that was asked for, or one that it imports."""
    name = error.name or ""
    if asked == name or asked.startswith(f"{name}."):
        return Diagnostic(
            "ZT101",
            f"there is no module `{asked}`",
            why=f"It is looked for as Python does, from {root} and where packages are installed.",
            help=_near_module(asked, root),
        )
    return Diagnostic(
        "ZT101",
        f"`{asked}` imports `{name}`, and there is no such module",
        _labels(error, root, "imported here"),
        "The topology's module cannot be loaded without it.",
        "install it into this environment, or correct the name",
    )


def _near_module(asked: str, root: Path) -> str:
    if asked.endswith(".py"):
        return f"did you mean `{asked[:-3].replace('/', '.')}`? a module is named as `import` has it"
    *folders, last = asked.split(".")
    folder = root.joinpath(*folders)
    there = [path.stem for path in folder.glob("*.py")] + [path.name for path in folder.glob("*/")]
    near = difflib.get_close_matches(last, there, 1)
    if near:
        return f"did you mean `{'.'.join([*folders, near[0]])}`?"
    return "write it as package.module:name, and run the command where `import package` works"


def syntax(error: SyntaxError, asked: str) -> Diagnostic:
    """A module is not valid Python."""
    at = Location(error.filename or asked, error.lineno or 1, max((error.offset or 1) - 1, 0), error.lineno)
    return Diagnostic(
        "ZT102",
        f"`{asked}` is not valid Python: {error.msg}",
        (Label(at, error.msg),),
        "It cannot be imported, by this program or any other.",
        "correct the line",
    )


def raised(error: BaseException, asked: str, root: Path) -> Diagnostic:
    """A module, or the function that was asked for, raised."""
    text = worded(error)
    return Diagnostic(
        "ZT103",
        f"loading `{asked}` raised {text}",
        _labels(error, root, text.partition(":")[0]),
        "The topology is what the module says after it has run to its end.",
        "for the whole traceback, run it again with ZT_DSL_TRACEBACK=1 in the environment",
    )


def worded(error: BaseException) -> str:
    """An exception in words; its own words are the user's code, too, and may raise."""
    try:
        return f"{type(error).__name__}: {error}".rstrip(": ")
    except Exception:
        return object.__repr__(error).partition(" ")[0].lstrip("<")


def users(error: BaseException) -> bool:
    """Whether it was raised in the user's code, not in ours."""
    frames = _frames(error.__traceback__)
    return bool(frames) and not frames[-1].path.startswith(_OURS)


def exited(error: SystemExit, asked: str, root: Path) -> Diagnostic:
    """A module called sys.exit: with status 0, too, there is no topology."""
    code = literal(error.code).strip("`")
    return Diagnostic(
        "ZT104",
        f"loading `{asked}` called sys.exit({code})",
        _labels(error, root, "ends the process"),
        "A module that describes a topology must come to its end; status 0 is no topology either.",
        'remove the call, or keep it under `if __name__ == "__main__":`',
    )


def no_such_name(module: ModuleType, asked: str, name: str, kind: type) -> Diagnostic:
    """The module is there, the name is not."""
    of_kind = sorted(key for key, value in vars(module).items() if isinstance(value, kind))
    names = [key for key in vars(module) if not key.startswith("_")]
    near = difflib.get_close_matches(name, names, 1)
    known = f"it has these: {', '.join(of_kind)}" if of_kind else f"no {kind.__name__} is a variable of it"
    return Diagnostic(
        "ZT106",
        f"module `{asked}` has no {name!r}" if name else f"`{asked}` says no name",
        (),
        f"What to compile is named as module:name; {known}.",
        f"did you mean `{asked}:{near[0]}`?" if near else f"write {asked}:NAME",
    )


def wrong_kind(asked: str, name: str, found: object, kind: type) -> Diagnostic:
    """The name is there and is something else."""
    kind_of = type(found).__name__
    what = "a class" if isinstance(found, type) else f"{'an' if kind_of[0] in 'aeiou' else 'a'} {kind_of}"
    if found is None:
        what = "None"
    return Diagnostic(
        "ZT107",
        f"`{asked}:{name}` is {what}, not a {kind.__name__}",
        why=f"It must be a {kind.__name__}, or a function that returns one.",
        help=f"name the variable that holds the {kind.__name__}",
    )


def _labels(error: BaseException, root: Path, text: str) -> tuple[Label, ...]:
    """The user's innermost frame: in the project, or failing that in whatever the project called."""
    frames = [frame for frame in _frames(error.__traceback__) if not frame.path.startswith((_OURS, "<"))]
    inside = [frame for frame in frames if Path(frame.path).is_relative_to(root)] or frames
    return (Label(inside[-1], text),) if inside else ()


def _frames(trace: TracebackType | None) -> list[Location]:
    found: list[Location] = []
    while trace is not None:
        span = Span(((trace.tb_frame.f_code, trace.tb_lasti),))
        found.append(locate((span,))[span] or Location(trace.tb_frame.f_code.co_filename, trace.tb_lineno))
        trace = trace.tb_next
    return found
