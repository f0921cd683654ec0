"""Drawings of networks in the manner of the papers' figures, as SVG."""
