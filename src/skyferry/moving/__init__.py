"""Moving in: copies a fleet from the original platform, or from another server that speaks its API."""
