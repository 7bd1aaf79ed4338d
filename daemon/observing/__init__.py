"""Log events, metrics and health."""
