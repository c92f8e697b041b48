"""What users write: values that hold what was written and where, and judge nothing.

Boundary: no constructor here raises on a wrong value. `resolve` reads the model and reports all of its
mistakes at once; an exception at import time would show one, without its neighbours.
"""
