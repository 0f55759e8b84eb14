"""The embedded MQTT broker: amqtt made safe and fast. Sockets, sessions, rights, routing; opens no report."""
