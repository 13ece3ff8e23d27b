"""Writes `docs/reference/` from the declarations of the operations: `make docs`, or `python -m docs.generate`.

It stands beside the program and not in it, because it also reads the scenarios (which rules are checked) and the
vendor's published metadata (which operations there are).
"""
