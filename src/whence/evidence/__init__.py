"""Evidence sources: each reads a query and returns a log-likelihood over the Earth with the claims it rests on."""
