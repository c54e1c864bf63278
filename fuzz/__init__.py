"""Fuzz targets: one module each, run as `python -m fuzz.NAME`. See README.md beside this file."""
