"""What the trained schemes share: crops, one training loop, weights files, and blocks of layers."""
