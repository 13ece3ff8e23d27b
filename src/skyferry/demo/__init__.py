"""`make demo`: the main job in under a minute, with the vendor's own SDK as the application."""
