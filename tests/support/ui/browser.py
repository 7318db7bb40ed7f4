"""A real browser that remembers everything suspicious that a page does."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Dialog,
    FloatRect,
    Locator,
    Page,
    ViewportSize,
    sync_playwright,
)

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
NONE_HERE = "there is no chromium here (Debian: apt-get install chromium)"
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
    "--host-resolver-rules=MAP hostile.example 127.0.0.1, MAP *.hostile.example 127.0.0.1",
]  # fmt: skip
PATIENCE = 300_000
"""Milliseconds that a page may take to show something, on a machine that is busy."""
SIZE = ViewportSize(width=1600, height=1000)
NAVIGATION = 240
"""The width of the column on the left of Dagster's pages, which pictures leave out."""
PICTURES = os.environ.get("WALK_PICTURES")
"""A folder for pictures of some of the pages: those of the README are made this way."""
NOBODY = "/ajax-api/2.0/mlflow/users/current"
"""MLflow asks who is signed in; its own server, where nobody signs in, does not know that."""

RESIZED = "ResizeObserver loop completed"
"""What the browser says where a table's columns are laid out again."""


@dataclass
class Watched:
    """A tab, and what it did that no page of ours should make it do."""

    page: Page
    done: list[str] = field(default_factory=list)

    def open(self, address: str) -> None:
        self.page.goto(address)

    def rest(self) -> None:
        """Leave a page that is busy with showing progress, and takes the time of what it shows."""
        self.open("about:blank")

    def click(self, name: str, role: Literal["button", "link"] = "button") -> None:
        """Click what has this name, as a person does: once it is there and can be clicked."""
        self.page.get_by_role(role, name=name).last.click()

    def follow(self, link: Locator) -> None:
        """Click a link; it opens in this tab, where it is watched."""
        link.evaluate("one => one.removeAttribute('target')")
        link.click()

    def see(self, text: str) -> None:
        """Wait until the text is there to be seen."""
        self.page.get_by_text(text).locator("visible=true").first.wait_for()

    def picture(self, name: str) -> None:
        """A picture of the page as it is now, where pictures are wanted."""
        if PICTURES:
            width, height = SIZE["width"] - NAVIGATION, SIZE["height"]
            clip = FloatRect(x=NAVIGATION, y=0, width=width, height=height)
            self.page.screenshot(path=Path(PICTURES) / f"{name}.png", clip=clip)

    def text(self) -> str:
        return self.page.inner_text("body")

    def suspicious(self) -> list[str]:
        """What it did, and whether a document's script ran in it or in a frame of it."""
        ran = [one.url for one in self.page.frames if one.evaluate("() => window.attacked")]
        return self.done + [f"attacked: {url}" for url in ran]


def _watch(page: Page) -> Watched:
    watched = Watched(page)

    def dialog(shown: Dialog) -> None:
        watched.done.append(f"dialog: {shown.message}")
        shown.dismiss()

    page.on("dialog", dialog)
    page.on("pageerror", lambda error: watched.done.append(f"error: {error}"))
    page.on("console", lambda said: _said(watched, said))
    page.on("request", lambda asked: _asked(watched, asked.url))
    return watched


def _said(watched: Watched, said: ConsoleMessage) -> None:
    place = said.location["url"]
    harmless = place.endswith(NOBODY) or RESIZED in said.text
    if said.type == "error" and not harmless:
        watched.done.append(f"console: {said.text} ({place})")


def _asked(watched: Watched, url: str) -> None:
    if not url.startswith(("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:", "about:")):
        watched.done.append(f"request: {url}")
    if ":9/" in url:
        watched.done.append(f"request that a document asks for: {url}")


@contextmanager
def browser() -> Iterator[Browser]:
    """Debian's chromium without a window, with a fresh profile."""
    with sync_playwright() as driver:
        assert CHROMIUM is not None
        opened = driver.chromium.launch(executable_path=str(Path(CHROMIUM)), args=FLAGS)
        yield opened
        opened.close()


def tab(opened: Browser) -> Watched:
    """A new tab."""
    page = opened.new_page(viewport=SIZE, device_scale_factor=0.75 if PICTURES else 1.0)
    page.set_default_timeout(PATIENCE)
    return _watch(page)
