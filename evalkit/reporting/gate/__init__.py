"""What the gate says, for people and for the CI systems that show it: everything from a ``GateResult`` alone."""
