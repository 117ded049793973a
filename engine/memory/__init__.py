"""Where tensors live and in what precision. Knows nothing of models' insides."""
