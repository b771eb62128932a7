"""The filter along a track: positions with covariance out of frames, telemetry, gaps, false matches and no start.

`whence.crossview.track.filter` has `TrackFilter`, which a robot steps frame by frame; `whence.crossview.track.smooth`
looks back over a finished track.
"""
