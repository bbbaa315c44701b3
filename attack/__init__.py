"""`python -m attack`: what a stranger can do to the service, and what others notice of it."""
