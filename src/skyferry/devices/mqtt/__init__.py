"""An MQTT 3.1 and 3.1.1 server end: packets, codec (no I/O), connections, listeners. Knows nothing of devices."""
