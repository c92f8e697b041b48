"""From policy to policy, one idea a file. A tuple is the table of contents: the one here, or an engine's own.

Each pass is pure and idempotent, and leaves a policy that is valid. Some need to be told which features the engine
can say, or cannot.
"""

from collections.abc import Callable

from zt_dsl.ir.policy import Policy
from zt_dsl.passes.derive_dns import derive_dns
from zt_dsl.passes.except_pods import except_pods
from zt_dsl.passes.merge import merge
from zt_dsl.passes.order import order
from zt_dsl.passes.widen import widen

Pass = Callable[[Policy], Policy]

PASSES: tuple[Pass, ...] = (
    derive_dns,  # who calls by name may ask for the name
    except_pods,  # what is outside holds no pods
    merge,  # equal flows are one, with the reasons of all
    order,  # by what they are, not by where they were written
)
"""For an engine that knows ports and addresses; one that sees more has a tuple in its own room."""

__all__ = ["PASSES", "Pass", "widen"]
