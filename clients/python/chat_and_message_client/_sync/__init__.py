"""The blocking client, derived from `_async` by `make clients-python`: change that one."""
