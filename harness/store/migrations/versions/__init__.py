"""One file a schema version, oldest 0001."""
