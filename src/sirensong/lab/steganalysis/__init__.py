"""Steganalysis: what somebody without a key can measure, to find out whether something is hidden."""
