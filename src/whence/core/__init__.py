"""What every layer may use: errors, the registry of components, optional imports."""
