"""Measurements of what leaderd costs. Nothing in the package imports them, and no test fails by what they measure."""
