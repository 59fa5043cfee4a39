"""Images: files and colours, metrics, decoys, contact sheets."""
