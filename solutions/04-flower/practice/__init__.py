"""Services that fail on purpose, so that you can practice on them. Never install this app on a server."""
