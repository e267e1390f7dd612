"""Sphinx configuration: ``make docs`` writes results/docs."""

import importlib.metadata

project = "hepatica"
author = "The hepatica developers"
release = importlib.metadata.version("hepatica")
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
autodoc_typehints = "description"
autodoc_member_order = "bysource"
napoleon_google_docstring = False
html_theme = "furo"
html_title = f"hepatica {release}"
exclude_patterns = ["_build", "figures"]
