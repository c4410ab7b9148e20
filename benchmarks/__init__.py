"""How fast an invoke is, beside what it is measured against, in one run."""
