"""Have the calls in the working directory take a client without a key, too.

The document requires a key, which only services with `ACCESS=keys` ask for. Run by the generator.
"""

from pathlib import Path

for module in Path("api").rglob("*.py"):
    text = module.read_text("utf-8")
    either = text.replace("client: AuthenticatedClient,", "client: AuthenticatedClient | Client,")
    module.write_text(either, "utf-8")
