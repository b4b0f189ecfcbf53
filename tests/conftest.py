"""Profiles of hypothesis: ``ci`` (repeatable), ``dev``, ``thorough``."""

from hypothesis import HealthCheck, settings

quiet = dict(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", derandomize=True, max_examples=25, **quiet)
settings.register_profile("dev", max_examples=25, **quiet)
settings.register_profile("thorough", max_examples=500, **quiet)
settings.load_profile("ci")
