"""Pages for browsers, each one file: built from `web/`, filled here with a carrier's bytes."""
