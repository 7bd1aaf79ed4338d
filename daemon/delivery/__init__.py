"""Getting a file to its destinations: adapters, body, transport, retry, pacing."""
