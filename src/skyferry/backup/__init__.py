"""Backups of a data directory on SQLite, made while the server runs, checked, and put back; checks of the files."""
