"""The experiments of the paper's evaluation (sections 4.3 to 4.10), each by its name."""
