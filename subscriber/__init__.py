"""The server's ear: takes the nodes' reports from the broker, keeps them safe, and says what each node's state is."""
