"""What third parties get: the plain state tree and Home Assistant's discovery, made from the store."""
