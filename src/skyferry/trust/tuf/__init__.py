"""A TUF repository (https://theupdateframework.github.io/specification/latest/) of each product that wants one.

Its targets are the files of the product's packages. Root and targets can be signed outside; snapshot and timestamp are
always signed here, by the worker, with keys that are sealed in the database.
"""
