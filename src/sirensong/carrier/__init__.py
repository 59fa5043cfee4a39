"""The stego function as it is published, and its file."""
