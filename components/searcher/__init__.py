"""From an embedding to its nearest neighbors and the matches among them."""
