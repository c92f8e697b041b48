"""Istio's AuthorizationPolicy and PeerAuthentication, for workloads with a sidecar."""
