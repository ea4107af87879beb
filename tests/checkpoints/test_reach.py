"""A hub that can't be reached is given up at once."""

import socket
import time

import pytest
from huggingface_hub import constants

from videomae_demo.checkpoints.source import locate
from videomae_demo.errors import CheckpointError


def test_a_network_that_is_not_there_is_not_waited_for(tmp_path, monkeypatch):
    """The hub library would ask six times, with pauses of up to eight seconds between."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}"  # where nobody listens any more
    monkeypatch.setattr(constants, "ENDPOINT", address)
    template = address + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    paused = []
    monkeypatch.setattr(time, "sleep", paused.append)
    with pytest.raises(CheckpointError, match="can't be reached and its config"):
        locate("someone/videomae-tiny")
    assert paused == []
