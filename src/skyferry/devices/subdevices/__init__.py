"""Gateways and the devices behind them: topology, registration, log-in (device-plane reference §2.10)."""
