"""One room as this person sees it: its lines, its members, what of it was seen and read."""
