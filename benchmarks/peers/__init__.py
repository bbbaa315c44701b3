"""Services to compare with: each answers the measured calls, in the same JSON."""
