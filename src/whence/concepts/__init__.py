"""Concepts of places: what they are, how they are told in words, and where on Earth they hold."""
