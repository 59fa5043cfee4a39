"""StegaINR: a small function among the neurons of a larger one (Liu et al., 2023)."""
