"""When an attempt is made, how many at once, how fast, and for how long."""
