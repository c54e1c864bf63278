"""Speed of cmpcodec against its peers: measurements, checks and the chart that the README shows.

Knows cmpcodec's public interface and the peers' own. Nothing in src or tests imports it.
"""
