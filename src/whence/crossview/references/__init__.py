"""Reference sets: pictures from above with the windows that are cut from them, their vectors, and a search."""
