"""`kitnet lesson`: a chapter of the book in the terminal, its cells run one by one; and its exercises."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import App, Parameter
from rich.text import Text

from kitnet.base.error import KitnetError, cut, shorten
from kitnet.cli.flags import Whole
from kitnet.cli.markdown_text import MarkdownText
from kitnet.cli.own_layers import run_own
from kitnet.cli.screen import FAILED, out, say
from kitnet.lessons import Code, Exercise, Prose, chapter, chapters

lesson = App(
    name="lesson", help="The book: chapters that compute every number that they tell, and exercises."
)
Language = Annotated[Literal["en", "zh"], Parameter(help="English or Chinese.")]
SAID = {
    "en": {
        "begin": "kitnet lesson 1 begins; --lang zh: 中文",
        "enter": "Enter runs it ",
        "right": "right",
        "wrong": "not yet",
        "open": "no answer",
    },
    "zh": {
        "begin": "kitnet lesson 1 --lang zh 从第一章开始",
        "enter": "按回车运行 ",
        "right": "正确",
        "wrong": "还不对",
        "open": "没有作答",
    },
}


@lesson.default
def command(number: Whole | None = None, /, *, lang: Language = "en", all: bool = False) -> None:
    """A chapter of the book: its text, then each piece of code, run when Enter is pressed, and what it
    prints. Without a number a list of the chapters.

    Parameters
    ----------
    all
        The whole chapter without stops, as into a file.
    """
    if number is None:
        for one in chapters():
            say(one.title(lang))
        say(SAID[lang]["begin"])
        return
    one = chapter(number)
    run, stops = one.run(), sys.stdin.isatty() and sys.stdout.isatty() and not all
    for part in one.parts(lang):
        if isinstance(part, Prose):
            out.print(MarkdownText(part.text))
            continue
        _print_code(part)
        stops = stops and _go_on(SAID[lang]["enter"])
        out.print(Text(run(part.name).rstrip("\n")), soft_wrap=True)
        say("")


def _print_code(part: Code) -> None:
    say("")
    for line in part.code.splitlines():
        out.print(Text(f"    {line}" if line else "", "cyan"), soft_wrap=True)
    say("")


def _go_on(question: str) -> bool:
    """Whether to stop again, after Enter; the end of the input is a wish for no more stops."""
    try:
        input(question)
    except EOFError:
        return False
    print("\x1b[1A\x1b[K", end="", flush=True)  # the question goes
    return True


@lesson.command(name="check")
def check(
    number: Whole,
    /,
    *answers: Annotated[str, Parameter(help="1=28 or 2='3 0 1', or a file with answer1, answer2, ...")],
    lang: Language = "en",
) -> int:
    """Whether answers to a chapter's exercises are right: numbers, as in 1=28, or a Python file of your own,
    which is run, with values and functions called answer1, answer2 and so on.

    The exit status is 0 where all that are given are right, and 1 where one is not.
    """
    exercises = dict(enumerate(chapter(number).exercises(), 1))
    given = _given(answers, len(exercises), number)
    right = True
    for i, exercise in exercises.items():
        told = _judged(i, exercise, given, lang)
        right = right and (i not in given or told == SAID[lang]["right"])
        say(f"{i}  {told}")
    return 0 if right else FAILED


def _given(answers: tuple[str, ...], count: int, number: int) -> dict[int, Any]:
    """The answers by the numbers of their exercises."""
    given: dict[int, Any] = {}
    for word in answers:
        name, equals, value = word.partition("=")
        if word.endswith(".py"):
            module = run_own(Path(word))
            found = {int(n[6:]): v for n, v in vars(module).items() if re.fullmatch(r"answer[0-9]{1,3}", n)}
            if not found:
                raise KitnetError(f"{word}: it defines no answer; call what you found answer1, answer2, ...")
            given |= found
        elif equals and name.strip().isdecimal() and value.strip():
            given[int(name)] = value
        else:
            raise KitnetError(
                f"{shorten(word)} is no answer; write 1=28 for exercise 1, or give a file such as answers.py"
            )
    if not given:
        raise KitnetError(
            f"no answers are given; write kitnet lesson check {number} 1=28, or give a file with answer1, "
            "answer2, ..."
        )
    for i in given:
        if not 1 <= i <= count:
            raise KitnetError(f"chapter {number} has no exercise {cut(str(i))}; there are 1 to {count}")
    return given


def _judged(i: int, exercise: Exercise, given: dict[int, Any], lang: str) -> str:
    said = SAID[lang]
    if i not in given:
        return said["open"]
    try:
        wrong = exercise.wrong(given[i])
    except KitnetError as error:
        raise KitnetError(f"answer {i}: {error}") from None
    if wrong is None:
        return said["right"]
    return f"{said['wrong']}: {wrong}" if wrong else said["wrong"]
