"""The offline tool: from a catalog of pictures to a signed index generation, and the model that both sides share."""
