"""Who is there, and on which port each container listens."""

from zt_dsl import GrpcPort, HttpPort, Namespace, Redis, Service

boutique = Namespace("online-boutique")


class Boutique(Service):
    """All of it lives in one namespace."""

    namespace: Namespace = boutique


class Frontend(Boutique):
    # Shoppers have no certificate of a mesh.
    http = HttpPort(8080, service_port=80, mtls="permissive")


class AdService(Boutique):
    grpc = GrpcPort(9555)


class CartService(Boutique):
    grpc = GrpcPort(7070)


class CheckoutService(Boutique):
    grpc = GrpcPort(5050)


class CurrencyService(Boutique):
    grpc = GrpcPort(7000)


class EmailService(Boutique):
    # Clients dial 5000; a policy that says 5000 matches nothing, for the container listens on 8080.
    grpc = GrpcPort(8080, service_port=5000)


class PaymentService(Boutique):
    grpc = GrpcPort(50051)


class ProductCatalogService(Boutique):
    grpc = GrpcPort(3550)


class RecommendationService(Boutique):
    grpc = GrpcPort(8080)


class ShippingService(Boutique):
    grpc = GrpcPort(50051)


frontend = Frontend("frontend")
ads = AdService("adservice")
cart = CartService("cartservice")
checkout = CheckoutService("checkoutservice")
currency = CurrencyService("currencyservice")
email = EmailService("emailservice")
payment = PaymentService("paymentservice")
products = ProductCatalogService("productcatalogservice")
recommendations = RecommendationService("recommendationservice")
shipping = ShippingService("shippingservice")
load_generator = Boutique("loadgenerator")

# The one Deployment that names no service account.
redis_cart = Redis("redis-cart", namespace=boutique, service_account="default")
