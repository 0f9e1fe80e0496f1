"""What a plugin is: manifest, config, permissions, mappings, and the code that comes with it.

Each plugin with code is one folder here: `manifest.json`, `__init__.py`, `application.html`. Copy
the smallest, `links`, to begin the next one; nothing has to be registered anywhere.
docs/plugins.md writes one in 15 minutes, with acts, actions and portals.
"""
