"""What a request costs this service and others of its kind; `make bench` measures it."""
