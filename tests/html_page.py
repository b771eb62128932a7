"""What a browser would find in a page."""

from html.parser import HTMLParser


class Page(HTMLParser):
    """Elements with their attributes, and the texts of scripts and styles."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.texts, self._open = [], {}, None
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self._open = len(self.elements) - 1 if tag in {"script", "style"} else None

    def handle_data(self, data):
        if self._open is not None:
            self.texts[self._open] = self.texts.get(self._open, "") + data

    def handle_endtag(self, tag):
        self._open = None

    def all(self, tag):
        return [(attrs, self.texts.get(i, "")) for i, (name, attrs) in enumerate(self.elements) if name == tag]
