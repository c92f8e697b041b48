"""Where the patterns run: plain NetworkPolicy. Nothing in them needs a waiver."""

from zt_dsl import Kubernetes, Platform

native = Platform("native", network=Kubernetes("1.37"))
