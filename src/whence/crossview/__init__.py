"""Any view matched to geo-referenced pictures from above: retrieve, register, verify, and say why.

`whence.crossview.types` has what the stages hand on; a `Match` ends as evidence, an answer of its own, or "no match".
"""
