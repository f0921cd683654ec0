"""Runs experiments: what a budget allows, in parallel and in any number of calls, with a verdict and a report."""

from .plan import SCALES, Plan, setting_of

__all__ = ["SCALES", "Plan", "setting_of"]
