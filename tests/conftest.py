"""The plugin that penne gives to all, for a run from the source tree too."""

pytest_plugins = ["penne.testing.plugin"]
