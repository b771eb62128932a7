"""Explanations of an answer: contrast of two places, plain sentences, exports and the report."""
