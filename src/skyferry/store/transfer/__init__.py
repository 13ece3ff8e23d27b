"""Takes an installation's data from SQLite to PostgreSQL in one transaction, and compares both: `skyferry db move`."""
