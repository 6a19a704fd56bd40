"""The suite for clients: a server of raw bytes, and a process under test that keeps the contract of `README.md`."""
