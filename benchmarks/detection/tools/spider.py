"""A Scrapy spider that follows every link; runs in the tools' own environment."""

import scrapy


class Minerals(scrapy.Spider):
    name = "minerals"

    def __init__(self, url: str = "", **more: object) -> None:
        super().__init__(**more)
        self.start_urls = [f"{url}/"]

    def parse(self, response):
        yield from response.follow_all(css="a", callback=self.parse)
