"""Six patterns of Kubernetes network security, each as a topology; and five pitfalls, and what becomes of them here.

Patterns 1 to 4 and the pitfalls are here, for each platform that can carry them (platform.py). What the same patterns
mean when they are written by hand is in docs/six-patterns.md. Patterns 5 and 6 (mTLS, the blueprint of all) need a
mesh, whose backend is not there yet.
"""
