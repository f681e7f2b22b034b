"""Facts: what one request says about itself, read once; nothing here decides anything."""
