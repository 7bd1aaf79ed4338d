"""What a person types: one file per family of commands."""
