"""A machine that does to the engine whatever can be done to it, in any order, and to the model of its rules as well."""
