"""A fleet of devices that speak the real protocol. Shares nothing with the server but the topic names."""
