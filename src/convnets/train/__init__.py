"""Training: plans, the loop, and what watches over it."""
