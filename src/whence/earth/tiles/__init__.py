"""Pictures that lie on the Earth: where their pixels are, and windows cut from them."""
