"""Who may ask what of whom: each service's whole API, as its callers use it."""

from zt_dsl import GET, POST, Topology, allow

from .workloads import bookinfo, details, gateway, productpage, ratings, reviews

topology = Topology(
    "bookinfo",
    [
        allow(
            gateway,
            productpage.http.routes(
                GET("/productpage"), GET("/static/**"), POST("/login"), GET("/logout"), GET("/api/v1/products/**")
            ),
            why="readers; the gateway's own routes say the same",
        ),
        allow(productpage, details.http.routes(GET("/details/{id}")), why="what the book is"),
        allow(productpage, reviews.http.routes(GET("/reviews/{id}")), why="what readers say of it"),
        allow(productpage, ratings.http.routes(GET("/ratings/{id}")), why="the API's own ratings"),
        allow(reviews, ratings.http.routes(GET("/ratings/{id}")), why="the stars, in two versions of three"),
    ],
    governs=[bookinfo],
)
