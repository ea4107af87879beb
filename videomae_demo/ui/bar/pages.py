"""The pages of the app, as the head of each one names them."""

from __future__ import annotations

PAGES = {"explore": "Explore", "live": "Live", "learn": "Learn", "train": "Train"}
"""What each page is called, by its address; "explore" is the first one, whose address is empty."""
LOCAL_PAGES = {"dataset": "Data set"}
"""Those that are there only where this machine alone reaches the page."""
PLACE = "<!-- pages -->"


def with_pages(template: str, current: str, *, local: bool) -> str:
    """Put the links to all pages into a template, where `PLACE` stands.

    `local` tells whether this machine alone reaches the page.

    Scripts give each link its address, which depends on where the app lies; see `sealed.js`.
    """
    links = []
    for name, title in (PAGES | (LOCAL_PAGES if local else {})).items():
        address = "." if name == "explore" else name
        here = ' aria-current="page"' if name == current else ""
        link = f'<a class="bar-page" data-page="{name}" href="{address}"{here}>{title}</a>'
        links.append(link)
    return template.replace(
        PLACE, f'<nav class="bar-pages" aria-label="Pages">{"".join(links)}</nav>'
    )
