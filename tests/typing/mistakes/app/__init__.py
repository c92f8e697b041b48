"""A small correct application: the mistakes beside it are made in its terms."""
