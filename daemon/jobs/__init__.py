"""The ledger: the model of a job, its legal transitions, what to do next, and the store."""
