"""What each arm is worth and costs, in every draw and at the most likely value."""
