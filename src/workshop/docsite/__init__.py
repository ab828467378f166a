"""Build and serve the docs site, and generate parts of its pages."""
