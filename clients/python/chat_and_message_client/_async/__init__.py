"""The client for asyncio, from which `_sync` is derived: see `clients/python/derive_sync.py`."""
