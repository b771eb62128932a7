"""From evidence to an answer: fuse, estimate, ledger."""
