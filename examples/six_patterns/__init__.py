"""Six patterns of Kubernetes network security, each as a topology; and five pitfalls, and what becomes of them here.

Patterns 3 to 6 (Cilium's L7 rules, names, mTLS, the blueprint of all) need engines whose backends are not there yet.
"""
