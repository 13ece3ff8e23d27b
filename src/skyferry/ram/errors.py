"""What is wrong with a policy."""


class PolicyError(ValueError):
    """A policy document that cannot be stored; the message says what to change."""
