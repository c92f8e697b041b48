"""Kinds that override the defaults of fields that hold lists and mappings, as they may any other."""

from collections.abc import Mapping, Sequence
from typing import assert_type

from zt_dsl import ApiServer, HttpPort, Namespace, Network, Nodes, Service, TcpPort


class Green(Service):
    namespace: Namespace = Namespace("shop")
    labels: Mapping[str, str] | None = {"colour": "green"}
    http = HttpPort(8080)


class Lab(Network):
    cidrs: Sequence[str] = ["192.0.2.0/24"]
    excluding: Sequence[str] = ["192.0.2.1/32"]
    modbus = TcpPort(502)


class Control(ApiServer):
    cidrs: Sequence[str] = ["192.0.2.1/32"]


class Workers(Nodes):
    cidrs: Sequence[str] = ["192.0.2.64/26"]


green, lab = Green("green"), Lab("lab")
places = {green: "a value", lab: "a value", Control(): "a value", Workers(): "a value"}
assert_type(green.labels, Mapping[str, str] | None)
assert_type(lab.cidrs, Sequence[str])
assert_type(lab.excluding, Sequence[str])
