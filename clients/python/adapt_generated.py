"""Adapt what the generator wrote in the working directory, as it cannot be told to. It runs this.

- Calls take a client without a key, too: the document requires one, which only services with
  `ACCESS=keys` ask for.
- What has no value is None instead of a sentinel: the service neither takes nor answers null.
- What is answered with an ETag keeps it as `etag`.
"""

import re
from pathlib import Path

TAGGED = ("chat", "chat_with_messages", "message")
LAST_FIELD = "    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)\n"
ETAG = "    etag: str | None = _attrs_field(init=False, default=None, eq=False, repr=False)\n"

REPLACEMENTS = (
    ("client: AuthenticatedClient,", "client: AuthenticatedClient | Client,"),
    (r"class Unset:.*UNSET: Unset = Unset\(\)\n", ""),
    (r'"UNSET", |, "Unset"', ""),
    (r"from \.+types import UNSET, Unset\n", ""),
    (r"import Response, UNSET\n", "import Response\n"),
    (r"not isinstance\(([\w.]+), +Unset\)", r"\1 is not None"),
    (r"isinstance\(([\w.]+), +Unset\)", r"\1 is None"),
    (r"v is not UNSET and v is not None", "v is not None"),
    (r"\bU(NSET|nset)\b", "None"),
)

for module in Path().rglob("*.py"):
    text = module.read_text("utf-8")
    for pattern, replacement in REPLACEMENTS:
        text = re.sub(pattern, replacement, text, flags=re.DOTALL)
    if module.parent.name == "models" and module.stem in TAGGED:
        text = text.replace(LAST_FIELD, LAST_FIELD + ETAG, 1)
    module.write_text(text, "utf-8")
