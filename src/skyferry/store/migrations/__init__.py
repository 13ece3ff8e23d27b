"""Migrations, run by `skyferry.store.migrate`."""
