"""One exchange with a server: its connection, its body, its answer."""
