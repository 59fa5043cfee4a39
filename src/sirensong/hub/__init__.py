"""Where carriers are published and fetched: repositories, buckets, registries, the web."""
