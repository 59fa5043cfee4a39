"""What only researchers run: steganalysis, robustness, fine-tuning, reproduction."""
