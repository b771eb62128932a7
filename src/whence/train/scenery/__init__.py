"""Training of scenery models: few photographs, a frozen network, concepts that hold everywhere on Earth."""
