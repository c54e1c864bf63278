"""What connects the sans-IO core with the world: drivers of client flows, and what programs read at their start.

Nothing that the core needs is here; the core never imports it.
"""
