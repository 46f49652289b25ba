"""From payoffs to a verdict, its words, and what would change it."""
