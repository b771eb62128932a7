"""Registration: a query laid onto a reference patch by local features, dense correlation and geometry.

`whence.crossview.register.registrar.Registrar` does it; `geometry` has the transforms, `points` the matching of
features, `dense` the correlation of gradient directions, `statistics` the numbers that tell true from false.
"""
