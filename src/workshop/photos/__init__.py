"""Create sample photos, and upload them the way visitors do."""
