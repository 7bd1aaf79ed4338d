"""Faults of the machine around the daemon, made real: it pauses, blames no file, and goes on."""
