"""normdrop for PyTorch."""
