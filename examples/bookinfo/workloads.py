"""Bookinfo, the demo of Istio's documentation (samples/bookinfo): four services, and the gateway before them."""

from zt_dsl import HttpPort, Namespace, Service

bookinfo = Namespace("bookinfo")
gateways = Namespace("istio-system")


class App(Service):
    """Every container listens on 9080, and is called there by others of the mesh alone."""

    namespace: Namespace = bookinfo
    http = HttpPort(9080)


# Their accounts are those of samples/bookinfo/platform/kube/bookinfo.yaml. Versions of a service share its account and
# its label `app`: to a policy they are one.
productpage = App("productpage", service_account="bookinfo-productpage")
details = App("details", service_account="bookinfo-details")
reviews = App("reviews", service_account="bookinfo-reviews")
ratings = App("ratings", service_account="bookinfo-ratings")

# As `istioctl install` sets it up; the account of Helm's chart has another name.
gateway = Service(
    "istio-ingressgateway",
    namespace=gateways,
    labels={"istio": "ingressgateway"},
    service_account="istio-ingressgateway-service-account",
)
