"""The words on the screen for the sections of a backup."""

# Section of the file -> the word on the screen, in the order of the screen.
LABELS = {
    "plugins": "Plugins",
    "profiles": "Profiles",
    "config_keys": "Config keys",
    "workspaces": "Workspaces",
    "applications": "Applications",
    "plugin_permissions": "Plugin permissions",
    "plugin_mappings": "Plugin mappings",
    "profile_workspaces": "Workspaces in profiles",
    "profile_roles": "Roles on profiles",
    "toolbar": "Toolbar entries",
    "assets": "Icon images",
}
HEADLINES = ("plugins", "profiles", "config_keys", "workspaces", "applications")
