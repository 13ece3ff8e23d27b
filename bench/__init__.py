"""Measurements of a running server: `make bench`, see README.md."""
