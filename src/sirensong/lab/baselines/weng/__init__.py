"""Weng et al.'s networks for the frames of a video, on single pictures (ICMR 2019)."""
