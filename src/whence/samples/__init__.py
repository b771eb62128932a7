"""Pictures in: views, queries, image and metadata readers, generated test pictures."""
