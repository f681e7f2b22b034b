"""A small site, its visitors and their story: ScrapeGuard shown at work on real HTTP, on this machine alone."""
