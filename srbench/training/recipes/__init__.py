"""What a training step does, and what it may use."""
