"""Deep steganography: the first pictures in pictures (Baluja, NeurIPS 2017)."""
