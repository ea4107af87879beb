"""Opens the page for the browser tests: serve_page.py PORT WEIGHTS RECONSTRUCTOR EXAMPLES [FOLDER].

With FOLDER, what a test can't wait for otherwise is in its hands. Each layer of a model notes in
FOLDER/layers that it begins, and waits for as long as there is FOLDER/closed. No clip is read while
there is FOLDER/unread; whoever cancels does not wait. Attention is waited for while there is
FOLDER/gate, and what is reconstructed is noted in FOLDER/gate.asked, a line each, and waits from
there on while there is FOLDER/unrebuilt. FOLDER/left is there once a visitor has left,
FOLDER/stopped once a download was told to stop or has ended, and FOLDER/pid names the process.
Files are deleted after FILES_KEPT_S seconds, if the environment says so.
"""

import os
import sys
import time
from pathlib import Path

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"

import gradio as gr

from videomae_demo.limits import Limits
from videomae_demo.pool import ExplorerPool
from videomae_demo.ui.app import build_page, launch_options
from videomae_demo.ui.examples import find_examples
from videomae_demo.ui.gradio_edge.edge import Edge
from videomae_demo.ui.gradio_edge.visitors import Visitors


def put_into_the_hands_of(folder: Path) -> None:
    from videomae_demo.cancellation import check_cancelled
    from videomae_demo.checkpoints.download import Download
    from videomae_demo.explorer import Explorer
    from videomae_demo.model.layers import Block

    end, forward, see, attend, reconstruct, leave = (
        Download.__exit__,
        Block.forward,
        Explorer.see,
        Explorer.attend,
        Explorer.reconstruct,
        Visitors.leave,
    )

    def wait_and_run(*given):
        note("layers", "begins")
        wait_while("closed")
        return forward(*given)

    def wait_and_see(*given):
        while (folder / "unread").exists():
            check_cancelled()
            time.sleep(0.01)
        return see(*given)

    def wait_and_attend(*given):
        wait_while("gate")
        return attend(*given)

    def note_and_reconstruct(*given):
        note("gate.asked", f"{given[1:]}")
        wait_while("unrebuilt")
        return reconstruct(*given)

    def leave_and_tell(visitors, request: gr.Request):
        leave(visitors, request)
        (folder / "left").touch()

    def end_and_tell(*given):
        end(*given)
        (folder / "stopped").touch()

    def note(name, line):
        with (folder / name).open("a") as notes:
            notes.write(f"{line}\n")

    def wait_while(name):
        while (folder / name).exists():
            time.sleep(0.01)

    (folder / "pid").write_text(str(os.getpid()))
    Download.__exit__ = end_and_tell
    Block.forward = wait_and_run
    Explorer.see, Explorer.attend = wait_and_see, wait_and_attend
    Explorer.reconstruct, Visitors.leave = note_and_reconstruct, leave_and_tell


port, weights, reconstructor, examples, *rest = sys.argv[1:]
if rest:
    put_into_the_hands_of(Path(rest[0]))
limits = Limits.from_environment(os.environ)
pool = ExplorerPool(weights, reconstructor, limits=limits)
pool.warm_up()
kept_s = float(os.environ["FILES_KEPT_S"]) if "FILES_KEPT_S" in os.environ else None
edge = Edge(limits, local=True, kept_s=kept_s)
edge.stopping.listen()
page = build_page(pool, find_examples(Path(examples)), edge=edge)
page.launch(prevent_thread_lock=True, server_port=int(port), **launch_options(edge))
edge.serve_until_stopped(page, lambda: None)
