"""An application that is wrong when it is imported."""

raise ValueError("broken")
