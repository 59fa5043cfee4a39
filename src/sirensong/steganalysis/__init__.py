"""Steganalysis: what somebody without a key can measure, to find out whether a picture hides something."""
