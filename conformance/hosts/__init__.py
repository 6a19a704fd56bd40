"""The servers that the suite knows by name: six worked examples of embedding the engine, and two others to compare."""
