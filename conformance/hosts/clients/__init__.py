"""Clients that keep the contract; the reference's is `../node/client.js`."""
