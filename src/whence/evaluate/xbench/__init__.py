"""The benchmark of explained matches: pairs that match and pairs that do not, reference explanations, and scores.

`build` makes one out of any pair set, `answer` runs whence's own matcher on it, `scores` scores answers of any system.
A benchmark is frozen: every picture and the list of items carry hashes, and what was changed is refused.
"""
