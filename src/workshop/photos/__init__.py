"""Sample photos, and visitors who upload them."""
