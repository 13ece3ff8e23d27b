"""Skyferry: over-the-air firmware updates for device fleets, self-hosted."""

__version__ = "0.1.0"
