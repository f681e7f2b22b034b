"""What happened, written down as it happens so that somebody else can check it."""
