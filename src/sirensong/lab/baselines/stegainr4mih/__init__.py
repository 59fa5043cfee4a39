"""StegaINR4MIH: the paper's own scheme, on this library's engine."""
