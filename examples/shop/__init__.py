"""A shop of nineteen services in four namespaces: read `edges.py` first, it is the whole policy."""
