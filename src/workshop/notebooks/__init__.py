"""The notebooks as files, in JupyterLab, and executed from top to bottom."""
