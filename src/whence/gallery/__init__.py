"""Galleries: places as vectors on disk, and the exact nearest of them to any picture in milliseconds."""
