"""What a running model's norm and noise calls are, watched without touching it."""
