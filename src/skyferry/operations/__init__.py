"""One module per resource; one operation is one declaration and one function."""
