"""The update engine: packages, jobs and tasks. Knows no HTTP and no MQTT."""
