"""Package files: upload tickets, form upload, the object store, signed URLs, ranged downloads."""
