"""Messages to the business server: what they say, who wants them, and the outbox that keeps them."""
