"""MIS-DNN: several pictures in one, a network for each (Das et al., 2021)."""
