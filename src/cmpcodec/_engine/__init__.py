"""Chooses the engine of this process: the compiled one where it was built, else the reference engine.

CMPCODEC_ENGINE=cython or =python decides; asking for an engine that is not there is an ImportError, never a silent
replacement. Both offer the same names and differ in speed only. Type checkers see the reference engine.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

wanted = os.environ.get("CMPCODEC_ENGINE", "")
if wanted not in ("", "cython", "python"):
    raise ImportError(f"CMPCODEC_ENGINE is {wanted!r}; it takes 'cython' or 'python', or leave it unset")

engine: str
why: str

if TYPE_CHECKING:
    from .reference import Child, Field, Items, View, adopt, children, pbm_key
elif wanted == "python":
    from .reference import Child, Field, Items, View, adopt, children, pbm_key

    engine, why = "python", "CMPCODEC_ENGINE=python asks for it"
else:
    try:
        from .fast import Child, Field, Items, View, adopt, children
        from .fast_pbm import pbm_key
    except ImportError as error:
        if wanted == "cython":
            raise ImportError(
                "CMPCODEC_ENGINE=cython asks for the compiled engine, which this installation lacks "
                f"({error}); `python -m cmpcodec doctor`, run without that variable, tells how to get it"
            ) from error
        from .reference import Child, Field, Items, View, adopt, children, pbm_key

        engine, why = "python", f"the compiled engine cannot be loaded: {error}"
    else:
        engine, why = (
            "cython",
            "CMPCODEC_ENGINE=cython asks for it" if wanted else "it is built and preferred",
        )

__all__ = ["Child", "Field", "Items", "View", "adopt", "children", "engine", "pbm_key", "why"]
