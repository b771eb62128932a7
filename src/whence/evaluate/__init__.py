"""How good answers are: errors, shares and scores with intervals, against the truth and against each other."""
