"""The device plane: MQTT connections, log-in, topics, and what goes to and comes from devices."""
