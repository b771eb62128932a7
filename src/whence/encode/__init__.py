"""Pictures, places and texts as vectors that can be compared.

`image`, `location` and `text` hold one model a file, in PyTorch, for training and export. Everything else here works
without PyTorch: preprocessing, cards, and models that were exported to bundles.
"""
