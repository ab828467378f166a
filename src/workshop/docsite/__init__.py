"""The docs site: build and serve it, and generate parts of its pages."""
