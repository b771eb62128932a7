"""What the sources of scenery share: traits of places, the small model between pictures and places, and its fitting."""
