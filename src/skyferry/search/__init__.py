"""The language of QueryDeviceBySQL and of dynamic groups: text in, a checked tree out. Knows no database."""
