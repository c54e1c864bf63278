"""The reference engine: the readable specification of what `cmpcodec._engine.fast` does in C, and its stand-in.

It executes op tables and knows no ASN.1 type by name. Files: `leaves` (primitive contents), `tree` (DER -> checked
tree), `encoding` (values -> DER), `records` (View and Field, the frozen records), `pbm` (the iterated hash).
"""

from __future__ import annotations

from .pbm import pbm_key
from .records import Child, Field, Items, View, adopt, children

__all__ = ["Child", "Field", "Items", "View", "adopt", "children", "pbm_key"]
