"""From policy to policy, one idea a file. The tuple is the table of contents.

Each pass is pure and idempotent, and leaves a policy that is valid. `widen` alone needs to be told something:
which features the engine cannot say.
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

__all__ = ["PASSES", "Pass", "widen"]
