"""The proof that nothing is lost: clients, faults, and a checker of what the clients saw."""
