"""The steps of one file in order, and the bounded pool that runs them."""
