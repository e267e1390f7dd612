"""Where programs go: one file for each target."""
