"""Aeon's side: a brain that can stand in for Aeon's own, and a typed console around it.

With these the whole loop runs on a machine without an Aeon. In a wheel this lies inside of
`aeon_plugin_ft` (tools/nest.py): an Aeon has its own `core`. Plugins are found through pluggy (entry-point group
"aeon").
"""
