"""Training: recipes, data, losses, one loop, export. Needs PyTorch (the extra ``train``)."""
