"""Plain MQTT devices that are no nodes: plugs and meters at the wall, and what they say."""
