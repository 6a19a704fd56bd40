"""The servers that are measured: each answers `echo`, `ack` and `broadcast`, and prints its port when it listens."""
