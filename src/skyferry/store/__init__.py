"""Tables, statements and migrations: the only package that holds SQL."""
