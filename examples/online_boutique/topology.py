"""Who may call whom, and what. Read this file first: it is the whole policy."""

from zt_dsl import INTERNET, Topology, allow

from .workloads import (
    ads,
    boutique,
    cart,
    checkout,
    currency,
    email,
    frontend,
    load_generator,
    payment,
    products,
    recommendations,
    redis_cart,
    shipping,
)

shoppers = [
    # The Service frontend-external is a load balancer. Where it replaces the callers' addresses they arrive
    # with a node's, which is outside the pod networks too.
    allow(INTERNET, frontend.http, why="shoppers"),
    allow(load_generator, frontend.http, why="simulated shoppers"),
]

pages = [
    allow(
        frontend,
        products.grpc.methods(
            "hipstershop.ProductCatalogService/ListProducts", "hipstershop.ProductCatalogService/GetProduct"
        ),
        why="home page and product pages",
    ),
    allow(
        frontend,
        currency.grpc.methods(
            "hipstershop.CurrencyService/GetSupportedCurrencies", "hipstershop.CurrencyService/Convert"
        ),
        why="prices in the shopper's currency",
    ),
    allow(
        frontend,
        cart.grpc.methods(
            "hipstershop.CartService/AddItem", "hipstershop.CartService/GetCart", "hipstershop.CartService/EmptyCart"
        ),
        why="the shopper's cart",
    ),
    allow(
        frontend,
        recommendations.grpc.methods("hipstershop.RecommendationService/ListRecommendations"),
        why="products beside the one that is shown",
    ),
    allow(frontend, shipping.grpc.methods("hipstershop.ShippingService/GetQuote"), why="shipping costs in the cart"),
    allow(frontend, ads.grpc.methods("hipstershop.AdService/GetAds"), why="an ad on each page"),
    allow(frontend, checkout.grpc.methods("hipstershop.CheckoutService/PlaceOrder"), why="the order is placed"),
]

orders = [
    allow(
        checkout,
        cart.grpc.methods("hipstershop.CartService/GetCart", "hipstershop.CartService/EmptyCart"),
        why="what is ordered",
    ),
    allow(checkout, products.grpc.methods("hipstershop.ProductCatalogService/GetProduct"), why="its prices"),
    allow(checkout, currency.grpc.methods("hipstershop.CurrencyService/Convert"), why="its total"),
    allow(
        checkout,
        shipping.grpc.methods("hipstershop.ShippingService/GetQuote", "hipstershop.ShippingService/ShipOrder"),
        why="shipping is quoted and ordered",
    ),
    allow(checkout, payment.grpc.methods("hipstershop.PaymentService/Charge"), why="the card is charged"),
    allow(checkout, email.grpc.methods("hipstershop.EmailService/SendOrderConfirmation"), why="the order is confirmed"),
]

behind = [
    allow(
        recommendations,
        products.grpc.methods("hipstershop.ProductCatalogService/ListProducts"),
        why="what can be recommended",
    ),
    allow(cart, redis_cart.resp, why="carts are kept in Redis"),
]

# Nothing leads outside: as the manifests ship, profiling and tracing are off, payment and email are mocks.
topology = Topology("online-boutique", [*shoppers, *pages, *orders, *behind], governs=[boutique])
