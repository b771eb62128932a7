"""Reference pictures of the Earth: where their pixels lie, how they are opened, and patches cut from them."""
