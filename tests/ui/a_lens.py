"""A lens that no file of the project knows; as a script, `serve_page.py` with it registered."""

import runpy
from dataclasses import dataclass
from pathlib import Path

import gradio as gr

from videomae_demo.ui.lenses import registry
from videomae_demo.ui.lenses.argument import text
from videomae_demo.ui.lenses.lens import Change, Code, Endpoint, PageLens, Parts, Showing
from videomae_demo.ui.panel import panel


@dataclass(frozen=True, slots=True)
class Word:
    """What frames are called."""

    text: str = "frames"


class Count(PageLens):
    """How many frames were seen."""

    name = "count"
    title = "Count"
    doing = "Counting"
    content = "a number as text"
    usual = Word()
    panel_id = "counted"

    def build(self):
        return Parts({"word": gr.Textbox("frames", label="Word", elem_id="word")})

    def wire(self, parts, wires):
        word = parts.controls["word"]
        wires.asks(
            word.submit, lambda _session, _explorer, text: Change(Word(text)), [word], "word"
        )

    def show(self, explorer, session, save):
        return Showing([panel.lead(self._said(explorer, session))], session.base)

    def write(self, explorer, session, folder):
        path = folder / "count.txt"
        path.write_text(self._said(explorer, session))
        return [path]

    def code(self, session):
        return Code(
            (), f"print(len(explorer.see(clip).indices), {self.question(session).text!r})\n"
        )

    def endpoint(self):
        def count(explorer, clip, word):
            return len(explorer.see(clip).indices)

        def to_json(answer, word):
            return {word: answer}

        word = text("word", "What is counted.", "frames")
        return Endpoint("count", "Count.", [word], count, to_json)

    def _said(self, explorer, session):
        return f"{len(explorer.see(session.clip).indices)} {self.question(session).text}"


if __name__ == "__main__":
    registry.LENSES.append(Count())
    runpy.run_path(str(Path(__file__).with_name("serve_page.py")), run_name="__main__")
