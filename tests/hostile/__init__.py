"""A generated corpus of hostile files, each with what must become of it."""
