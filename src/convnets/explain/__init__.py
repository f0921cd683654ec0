"""What a trained network sees: maps of its answers, looks inside, and reports as pages that open from disk."""
