"""The entry point: finds the command, runs it, and turns errors into messages and exit codes."""

from __future__ import annotations

import errno
import importlib
import io
import sys
import tempfile
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from evalkit.cli.screen import flush_screens, say, show_foreign_messages_plain, tell
from evalkit.ending import SignalInterrupt, end_as_after_ctrl_c
from evalkit.errors import CacheWarning, EvalkitError

COMMANDS = {
    "init": "Write a starter suite.",
    "validate": "Check a suite and its files without running a model.",
    "estimate": "What a run will take: calls, tokens, money and time.",
    "tune": "Train the tuned models of a suite, and export one.",
    "run": "Answer, score, compare, decide and report.",
    "merge": "One run of the shards that several jobs answered.",
    "score": "Score the answers of a finished run again.",
    "compare": "Paired differences between arms, or between two runs.",
    "decide": "Decide again, with other assumptions, without asking a model.",
    "import": "Make a run of scores from elsewhere.",
    "gate": "Compare a run with a baseline, for CI: passed, inconclusive or failed.",
    "report": "Write the reports of a run again.",
    "reprice": "What a run would have cost at other prices, and decide again.",
    "prices": "Show a model's price row, its source and its age.",
    "power": "How many cases are needed to see a difference.",
    "doctor": "Say what this machine has and what is missing.",
    "schema": "Write the JSON Schema of suite.yaml for editors.",
}
_MODULES = {"import": "imports"}  # a module of this name could not be imported by a statement
INTERRUPTED = 130
"""After Ctrl-C; as shells count, 128 and the signal's number: 143 after SIGTERM, 129 after SIGHUP."""


class LazyCommands(click.Group):
    """Imports a command when it is used, so that ``--help`` stays quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all commands, in the order in which a user needs them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command object of ``evalkit/cli/<name>.py``; None where no command has this name."""
        if cmd_name not in COMMANDS:
            return None
        module = _MODULES.get(cmd_name, cmd_name)
        command = importlib.import_module(f"evalkit.cli.{module}").command
        return command if isinstance(command, click.Command) else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands for ``--help`` without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the arguments name; an unknown name is answered with the nearest one."""
        from evalkit.errors import did_you_mean

        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            raise click.UsageError(
                f"no command is called {args[0]!r}. {did_you_mean(args[0], COMMANDS)}", ctx
            )
        return super().resolve_command(ctx, args)


def _version(ctx: click.Context, parameter: click.Parameter, value: bool) -> None:
    del parameter
    if value and not ctx.resilient_parsing:
        from evalkit import __version__

        say(f"evalkit {__version__}")
        ctx.exit()


@click.group(cls=LazyCommands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Show it."
)
def cli() -> None:
    """Should we fine-tune? One task set, every alternative, one report with evidence and money.

    SUITE is a folder with suite.yaml; RUN is a run folder, a run id, or `latest`.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line, then exit with its code."""
    show_foreign_messages_plain()
    end_as_after_ctrl_c()
    code = run(sys.argv[1:] if arguments is None else list(arguments))
    flush_screens()
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """Run one command and give its exit code.

    Returns:
        The exit code: 0 fine, 1 unforeseen, 2 wrong input, 103 cost limit, 104 owed cells, 128 and more: ended by a
        signal of that number less 128.
    """
    try:
        _refuse_empty(arguments)
        with _plain_warnings():
            result: Any = cli.main(args=arguments, prog_name="evalkit", standalone_mode=False)
    except click.exceptions.Abort as error:
        return _interrupted(error.__cause__)
    except click.ClickException as error:
        shown = io.StringIO()
        error.show(file=shown)
        return _say(shown.getvalue(), error.exit_code)
    except EvalkitError as error:
        return _say(str(error), error.exit_code)
    except KeyboardInterrupt as error:
        return _interrupted(error)
    except SystemExit:  # click's own end where nobody reads its help any more: `evalkit --help | head -1`
        return 0
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            return _say(f"{error.filename}: the name is longer than a file's name can be", 2)
        return _unforeseen(error)
    except Exception as error:  # noqa: BLE001 - the one place where the unforeseen ends
        return _unforeseen(error)
    return result if isinstance(result, int) else 0


@contextmanager
def _plain_warnings() -> Iterator[None]:
    """Say what a cache warns of as a line of its own, each time, without the place in the code."""
    with warnings.catch_warnings():
        shown = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
            if issubclass(category, CacheWarning):
                _say(f"Warning: {message}", 0)
            else:
                shown(message, category, *place, **more)

        warnings.showwarning = show
        warnings.simplefilter("always", CacheWarning)
        yield


def _refuse_empty(arguments: Sequence[str]) -> None:
    """Refuse an argument without a text: as a path it would mean the current folder, as a name nothing at all.

    A shell leaves one where a variable is not set: ``evalkit run "$SUITE"``.
    """
    for place, argument in enumerate(arguments):
        option, equals, value = argument.partition("=")
        if argument.strip() == "":
            before = f" after {arguments[place - 1]}" if place else ""
            raise click.UsageError(f"argument {place + 1}{before} is empty; is a variable not set?")
        if option.startswith("--") and equals and value.strip() == "":
            raise click.UsageError(f"{option}= has no value; is a variable not set?")
        if "\0" in argument:
            raise click.UsageError(f"argument {place + 1} holds a zero byte, which no name has")


def _say(message: str, code: int) -> int:
    tell(message)
    return code


def _interrupted(error: BaseException | None) -> int:
    if isinstance(error, SignalInterrupt):
        return _say(f"Interrupted by {error}.", 128 + error.number)
    return _say("Interrupted.", INTERRUPTED)


def _unforeseen(error: Exception) -> int:
    details = "".join(traceback.format_exception(error))
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="evalkit-", suffix=".log", delete=False, encoding="utf-8"
        ) as log:
            log.write(details)
    except OSError:  # no room for a file either
        return _say(f"evalkit met something it did not foresee:\n{details}", 1)
    return _say(
        f"evalkit met something it did not foresee: {type(error).__name__}: {error}\n"
        f"The details are in {Path(log.name)}; please report them. A started run can be resumed with --resume.",
        1,
    )
