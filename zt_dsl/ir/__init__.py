"""The strict intermediate representation: values that cannot be wrong.

Invariant: nothing here is None, and no empty tuple ever means "anything". The whole port is spelt
`Whole()`, a selector that selects every pod is spelt `EVERYTHING`, every peer carries its namespace.
"""
