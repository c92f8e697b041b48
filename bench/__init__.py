"""Measures what the project promises of its speed. `python -m bench` writes the table of docs/performance.md."""
