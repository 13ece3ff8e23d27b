"""What is wrong with a policy or a security token."""


class PolicyError(ValueError):
    """A policy document that cannot be stored; the message says what to change."""


class TokenError(ValueError):
    """A security token that cannot be read."""
