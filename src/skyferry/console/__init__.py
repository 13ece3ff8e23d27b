"""The console: web pages for people, under `/console/`. They call the same operations as the API."""
