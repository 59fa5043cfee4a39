"""The engine: settings and progress without torch; all else needs it."""
