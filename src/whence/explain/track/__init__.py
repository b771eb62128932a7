"""The report on a track: where each frame was taken on a picture of the ground, how sure that is, and why."""
