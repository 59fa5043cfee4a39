"""Steganalysis: what somebody without a key can measure, to find out what is hidden."""
