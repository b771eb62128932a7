"""Whether explanations tell what answers stand on: curves, shuffled weights, interventions, truth of claims.

``units`` takes an account apart; ``curves`` takes the parts away in order; ``regions`` does so with parts of a picture;
``randomise`` shuffles a model's weights; ``intervene`` predicts beliefs and compares them; ``claim_truth`` holds claims
against the true place; ``study`` does all of it for many pictures.
"""

from __future__ import annotations
