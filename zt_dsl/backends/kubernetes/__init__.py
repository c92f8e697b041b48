"""Native NetworkPolicy v1, Kubernetes 1.25 to 1.37."""

from zt_dsl.backends.base import Backend
from zt_dsl.backends.kubernetes.capabilities import CAPABILITIES, JUDGED, VERSIONS
from zt_dsl.backends.kubernetes.lower import lower
from zt_dsl.backends.kubernetes.schemas import check
from zt_dsl.backends.kubernetes.semantics import reach_of

BACKEND = Backend("Kubernetes NetworkPolicy", VERSIONS, JUDGED, CAPABILITIES, lower, reach_of, check)
