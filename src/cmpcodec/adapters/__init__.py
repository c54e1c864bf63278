"""What connects the sans-IO core with the world: drivers that run the client's flows."""
