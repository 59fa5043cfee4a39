"""Photographs: image files, metrics, decoys, contact sheets."""
