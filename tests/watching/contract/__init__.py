"""What every watcher promises, run against each."""
