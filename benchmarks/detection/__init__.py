"""The proving ground: real tools and real browsers against a guarded site, and what became of each of them."""
