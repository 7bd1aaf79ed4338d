"""Child processes with limits, in which untrusted content is parsed."""
