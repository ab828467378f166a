"""`./workshop dev translations`: which sections of the translated pages are older than the English text."""

import difflib
import subprocess
from collections.abc import Iterator

from workshop import paths
from workshop.console import say, verbatim
from workshop.docsite import translations
from workshop.docsite.translations import COMMAND, State, Translation
from workshop.errors import WorkshopError
from workshop.system.environment import inherited


def main(name: str, diff: bool, mark: bool) -> int:
    """List the sections of the translated pages, and how they compare to the English ones.

    name: one page ("lessons/01-sync") or one section ("lessons/01-sync#step-1-1"). All pages if it is empty.
    diff: print what has changed in the English text. mark: record that the translation is up to date.
    Returns the exit code: 1 if a page differs in what is not translated. Raises WorkshopError if there is no
    such page or section, or if a section cannot be marked.
    """
    page, _, anchor = name.partition("#")
    found = translations.find(page)
    if anchor:
        found = [each for each in found if anchor in translations.states(each)]
        if not found:
            raise WorkshopError(f"{page} has no section {anchor}. To list its sections: {COMMAND} {page}")
    if mark and not page:
        raise WorkshopError(
            f"Name the section that is up to date again: {COMMAND} lessons/01-sync#step-1-1 --mark"
        )
    for each in found:
        if mark:
            _mark(each, anchor)
        elif diff:
            _show_changes(each, anchor)
        else:
            _list(each, anchor)
    differences = [sentence for each in found for sentence in translations.differences(each)]
    for sentence in differences:
        say(sentence)
    return 1 if differences else 0


def changes(translation: Translation, anchor: str) -> list[str]:
    """A diff of the English section, from the version that was translated to the one of today.

    Looks for that version in the history of the repository. Raises WorkshopError if it is not there.
    """
    wanted = translations.recorded(translation).get(anchor)
    now = translations.originals(translation.source).get(anchor, "")
    for commit in _commits(translation.source):
        try:
            before = translations.originals(translation.source, lambda path, at=commit: _at(at, path)).get(
                anchor, ""
            )
        except OSError:
            continue
        if translations.digest(before) == wanted:
            lines = before.splitlines(), now.splitlines()
            return list(
                difflib.unified_diff(*lines, f"{commit[:9]} {translation.source}", "now", lineterm="")
            )
    raise WorkshopError(
        f"No commit has the English text that {translation.file}#{anchor} was translated from. "
        "Is this a shallow clone? Then run: git fetch --unshallow"
    )


def _list(translation: Translation, only: str) -> None:
    say(f"{translation.file}, translated from {translation.source}:")
    for anchor, state in translations.states(translation).items():
        if only not in ("", anchor):
            continue
        verbatim(f"  {state:<15}  {anchor}")
        if state in (State.CHANGED, State.REMOVED):
            verbatim(f"                   {COMMAND} {translation.name}#{anchor} --diff")


def _show_changes(translation: Translation, only: str) -> None:
    for anchor, state in translations.states(translation).items():
        if only in ("", anchor) and state in (State.CHANGED, State.REMOVED):
            for line in changes(translation, anchor):
                verbatim(line)
            say(f"After you have changed {translation.file}: {COMMAND} {translation.name}#{anchor} --mark")
        elif only == anchor:
            say(f"{translation.file}#{anchor}: {state}.")


def _mark(translation: Translation, only: str) -> None:
    states = translations.states(translation)
    one_sided = (State.MISSING, State.REMOVED)
    anchors = [only] if only else [anchor for anchor, state in states.items() if state not in one_sided]
    translations.mark(translation, anchors)
    say(f"{translation.file}: marked {', '.join(anchors)} as up to date.")


def _commits(source: str) -> Iterator[str]:
    """The commits that may have changed the text of the page `source`, newest first."""
    run = _git("log", "--format=%H", "--", source, "lessons/*/lesson.toml", "docs/*.svg")
    if run.returncode:
        raise WorkshopError(f"git cannot read the history here: {run.stderr.strip()}")
    yield from run.stdout.split()


def _at(commit: str, path: str) -> str:
    """The text of a file at a commit. Raises OSError if it was not there."""
    run = _git("show", f"{commit}:{path}")
    if run.returncode:
        raise FileNotFoundError(path)
    return run.stdout


def _git(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        ["git", *arguments], cwd=paths.ROOT, env=inherited(), capture_output=True, text=True, check=False
    )
