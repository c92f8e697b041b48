"""For the runner's own test: marks that are wrong, and errors that are not marked."""

from zt_dsl import HttpPort, Namespace, Tier

correct = Namespace("marked as a mistake")  # E: arg-type
unmarked = Namespace(7)
other_code = Tier(7)  # E: call-arg
other_rule = Tier(7)  # E: arg-type  # P: reportCallIssue
half_marked = Tier([HttpPort(), 7])  # E: arg-type
told_to_hush = Tier(7)  # E: arg-type  # P: nothing
