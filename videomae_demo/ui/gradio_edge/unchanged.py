"""Outputs that a handler leaves alone cost nothing.

Gradio makes a component anew for each output that stays as it is, and describes it twice, though
nothing of it changes: with the page's fifty outputs, that is most of what an event costs. So it is
shown the others alone.
"""

from __future__ import annotations

import copy
from typing import Any, TypeGuard

import gradio as gr
from gradio.block_function import BlockFunction
from gradio.blocks import Block
from gradio.state_holder import SessionState


def spare_unchanged(page: gr.Blocks) -> None:
    """Let the page pass over outputs that stay as they are."""
    process = page.postprocess_data

    async def postprocess_data(
        block_fn: BlockFunction, predictions: list[Any] | dict[Any, Any], state: SessionState | None
    ) -> list[Any]:
        if not _goes_by_component(predictions):
            return await process(block_fn, predictions, state)
        shown: list[Any] = [gr.skip() for _ in block_fn.outputs]
        changed = [
            place
            for place, block in enumerate(block_fn.outputs)
            if predictions.get(block, shown[place]) != shown[place]
        ]
        if changed:
            part = copy.copy(block_fn)
            part.outputs = [block_fn.outputs[place] for place in changed]
            values = [predictions[block] for block in part.outputs]
            # Of a single output, gradio takes the value itself.
            given = values if len(values) > 1 else values[0]
            for place, value in zip(changed, await process(part, given, state), strict=True):
                shown[place] = value
        return shown

    page.postprocess_data = postprocess_data  # type: ignore[method-assign]


def _goes_by_component(predictions: list[Any] | dict[Any, Any]) -> TypeGuard[dict[Block, Any]]:
    is_mapping = isinstance(predictions, dict) and bool(predictions)
    return is_mapping and all(isinstance(part, Block) for part in predictions)
