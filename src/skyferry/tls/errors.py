"""What can be wrong with certificates and keys."""


class TlsError(Exception):
    """A certificate or key cannot be used; the message says which, why, and what to do."""
