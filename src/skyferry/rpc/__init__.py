"""The OpenAPI dialect: signatures, parameters, errors, JSON and XML, quota, RAM. Knows no operation."""
