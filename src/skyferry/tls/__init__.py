"""TLS of the server: its certificate authority, its certificates, SSL contexts, and the listeners."""
