"""The notebooks: convert them, serve them in JupyterLab, and run them from top to bottom."""
