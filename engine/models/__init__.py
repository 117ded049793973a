"""Networks, what their files look like, and how one becomes the other. Knows nothing of samplers or nodes."""
