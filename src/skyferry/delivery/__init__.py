"""Brings messages from the outbox to the business server: webhooks and NATS."""
