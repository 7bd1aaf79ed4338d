"""Every way in which a file arrives, for real: none taken early, none missed, none twice."""
