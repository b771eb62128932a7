"""The program ``whence``: its commands, and how every one of them ends."""

from __future__ import annotations

import os
import sys
import threading
import traceback
from collections.abc import Sequence
from typing import Any, final

import click

from whence import __version__
from whence.cli.benchmarks import benchmarks
from whence.cli.calibrate import calibrate
from whence.cli.doctor import doctor
from whence.cli.embed import embed
from whence.cli.evaluate import evaluate
from whence.cli.exits import EXITS, Exit
from whence.cli.faithfulness import faithfulness
from whence.cli.locate import locate
from whence.cli.match import match
from whence.cli.models import models
from whence.cli.output import write_error
from whence.cli.place import place, places
from whence.cli.predict import predict
from whence.cli.sources import sources
from whence.cli.tiles import tiles
from whence.cli.track import track
from whence.cli.train import export, train
from whence.cli.xbench import xbench
from whence.core.errors import InputError, WhenceError

SOURCE_THREADS = "whence-"
"""How the names of the threads begin in which evidence sources work."""

_EPILOG = "\b\nExit codes:\n" + "\n".join(f"  {code.value:>3}  {text}" for code, text in EXITS.items())


class _PipeClosedError(Exception):
    """Whoever read the output went away."""


@final
class Program(click.Group):
    """A group of commands whose errors are one message and a documented exit code."""

    def main(  # type: ignore[override]
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run a command and end the process with its exit code."""
        given = list(sys.argv[1:] if args is None else args)
        if not standalone_mode:
            return super().main(given, prog_name, standalone_mode=False, **extra)
        sys.exit(int(self._run(given, prog_name, _wants_json(given), extra)))

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; a closed pipe is carried past click, which would end with exit code 1."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise _PipeClosedError from error

    def _run(self, given: list[str], prog_name: str | None, as_json: bool, extra: dict[str, Any]) -> int:
        try:
            code = super().main(given, prog_name or "whence", standalone_mode=False, **extra)
            sys.stdout.flush()
        except (_PipeClosedError, BrokenPipeError):
            # The reader of the output has gone. Python would complain again when it flushes at the end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            return Exit.PIPE_CLOSED
        except click.ClickException as error:
            hint = ""
            if isinstance(error, click.UsageError) and error.ctx is not None:
                hint = f" See '{error.ctx.command_path} --help'."
            write_error(type(error).__name__, error.format_message() + hint, as_json=as_json)
            return Exit.USAGE
        except (KeyboardInterrupt, click.Abort):
            write_error("KeyboardInterrupt", "interrupted.", as_json=as_json)
            return Exit.INTERRUPTED
        except InputError as error:
            write_error(type(error).__name__, str(error), as_json=as_json)
            return Exit.USAGE
        except (WhenceError, OSError) as error:
            write_error(type(error).__name__, str(error), as_json=as_json)
            return Exit.NOT_WORKING
        except Exception as error:  # a fault of ours: the one case where a traceback helps
            if not as_json:
                traceback.print_exc()
            said = f"an unexpected {type(error).__name__}: {error}. Please report this with the lines above."
            write_error(type(error).__name__, said, as_json=as_json)
            return Exit.NOT_WORKING
        return code if isinstance(code, int) else Exit.DONE


def _wants_json(given: Sequence[str]) -> bool:
    """Tell whether errors are to be JSON. Looked up in the text, as the error may be that it cannot be parsed."""
    return any(arg == "--json" or arg.startswith("--json=") for arg in given)


@click.group(
    cls=Program,
    invoke_without_command=True,
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, "--version", prog_name="whence", message="%(prog)s %(version)s")
@click.pass_context
def program(ctx: click.Context) -> None:
    """Where was this picture taken, how sure are we, and why?

    Everything runs on this machine; nothing is sent anywhere. Pictures are never written to.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


for _command in (
    locate,
    place,
    places,
    embed,
    sources,
    doctor,
    train,
    export,
    predict,
    evaluate,
    calibrate,
    benchmarks,
    faithfulness,
    match,
    track,
    models,
    tiles,
    xbench,
):
    program.add_command(_command)


def main() -> None:
    """Entry point of the program."""
    for stream in (sys.stdout, sys.stderr):
        # File names need not be valid Unicode; they must not end a batch.
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        program.main()
    except SystemExit as end:
        sys.stdout.flush()
        sys.stderr.flush()
        if any(thread.name.startswith(SOURCE_THREADS) for thread in threading.enumerate()):
            # A source that was interrupted or ran out of time still computes in native code, which must not
            # find the interpreter gone under it.
            os._exit(end.code if isinstance(end.code, int) else Exit.NOT_WORKING)
        raise


if __name__ == "__main__":
    main()
