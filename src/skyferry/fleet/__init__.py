"""Accounts, products, devices and their credentials. Knows no HTTP and no MQTT."""
