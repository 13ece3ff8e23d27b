"""Several processes that work as one server: who does which work, and what they share."""
