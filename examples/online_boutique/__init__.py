"""Online Boutique (github.com/GoogleCloudPlatform/microservices-demo): eleven services, a store, a load generator.

Ports, labels and service accounts are those of its kubernetes-manifests; who calls which RPC is what its services'
clients call, from demo.proto (package hipstershop).
"""
