"""Which lenses the page has, in the order of their tabs. A new one adds its line here."""

from __future__ import annotations

from videomae_demo.ui.lenses.attend import Attend
from videomae_demo.ui.lenses.compare import Compare
from videomae_demo.ui.lenses.explain import Explain
from videomae_demo.ui.lenses.heads import Heads
from videomae_demo.ui.lenses.lens import PageLens
from videomae_demo.ui.lenses.recognise import Recognise
from videomae_demo.ui.lenses.reconstruct import Reconstruct
from videomae_demo.ui.lenses.timeline import Timeline
from videomae_demo.ui.lenses.tokens import Tokens
from videomae_demo.ui.lenses.what_if import WhatIf

LENSES: list[PageLens] = [
    Recognise(),
    Attend(),
    Explain(),
    Reconstruct(),
    Heads(),
    WhatIf(),
    Tokens(),
    Compare(),
    Timeline(),
]
