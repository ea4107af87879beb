"""What a program can say to a lens: the parameters of its endpoint and of its tool."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr


@dataclass(frozen=True, slots=True)
class Argument:
    """One parameter.

    Attributes
    ----------
    name, description : str
    default : object
        What stands for it where it is not given.
    schema : mapping
        The JSON schema of what it may be, without the description.
    shown : object, optional
        What "Use via API" shows of it; the default if left out.
    """

    name: str
    description: str
    default: Any
    schema: Mapping[str, Any]
    shown: Any = None

    def to_schema(self) -> dict[str, Any]:
        """Return the JSON schema with its description and default."""
        return {**self.schema, "description": self.description, "default": self.default}

    def component(self) -> Any:
        """Return the component that takes it, which is never shown."""
        kind, value = self.schema.get("type"), self.default
        made: Any
        if "enum" in self.schema:
            made = gr.Radio(list(self.schema["enum"]), value=value, label=self.name)
        elif kind == "boolean":
            made = gr.Checkbox(value, label=self.name)
        elif kind == "string":
            made = gr.Textbox(value, label=self.name)
        elif "array" in kind if isinstance(kind, list) else kind == "array":
            made = gr.JSON(value, label=self.name)
        else:
            made = gr.Number(value, label=self.name)
        return example(made, value if self.shown is None else self.shown)


def text(name: str, description: str, default: str = "") -> Argument:
    """Describe a text."""
    return Argument(name, description, default, {"type": "string"})


def choice(name: str, description: str, choices: tuple[str, ...]) -> Argument:
    """Describe a choice; the first one is the default."""
    return Argument(name, description, choices[0], {"type": "string", "enum": list(choices)})


def switch(name: str, description: str) -> Argument:
    """Describe what is on or off, and usually off."""
    return Argument(name, description, False, {"type": "boolean"})


def whole_number(name: str, description: str, default: int) -> Argument:
    """Describe a whole number from 0."""
    return Argument(name, description, default, {"type": "integer", "minimum": 0})


def fraction(name: str, description: str, default: float) -> Argument:
    """Describe a share of something, from 0 to 1."""
    return Argument(name, description, default, {"type": "number", "minimum": 0, "maximum": 1})


def token_place(what: str, none: str = "the average of all") -> Argument:
    """Describe a query: one token's place; `what` says what the token is, without a full stop.

    `none` says what stands for it where it is not given.
    """
    schema = {
        "type": ["array", "null"],
        "items": {"type": "integer", "minimum": 0},
        "minItems": 3,
        "maxItems": 3,
    }
    description = f"{what}: [time, row, column], counted from 0; null for {none}."
    return Argument("query", description, None, schema, [0, 0, 0])


def token_marks(name: str, description: str) -> Argument:
    """Describe lists of 0 and 1, by time, row and column of the tokens; none by default."""
    row = {"type": "array", "items": {"type": "integer", "enum": [0, 1]}}
    schema = {"type": ["array", "null"], "items": {"type": "array", "items": row}}
    return Argument(name, description, None, schema)


def tokens_to_take() -> Argument:
    """Describe the tokens that are taken away from the recogniser."""
    return token_marks(
        "hidden",
        "Tokens to take away first: lists of 0 and 1 by time, row and column of the tokens; 1 is "
        "taken away.",
    )


def example(component: Any, value: Any) -> Any:
    """Let "Use via API" show a value that works; gradio proposes what the type alone suggests."""
    component.example_payload = lambda: value
    return component
