"""The command line: parses, calls the pipeline and renders."""
