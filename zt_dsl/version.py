"""The version, where reading it costs nothing: importlib.metadata costs more than a small compile."""

VERSION = "0.1.0"
