"""The worker: stores reports by group commit, materialises jobs, dispatches notices, watches deadlines."""
