"""The members and rooms of this node, and what happens to them."""
