"""What stands beside the service in the world: real ones, from Debian."""
