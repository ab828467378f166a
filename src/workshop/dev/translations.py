"""`./workshop dev translations`: find the translated sections that are older than the English text."""

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
    """List the sections of the translated pages, and show how they compare to the English sections.

    Args:
        name: A page ("lessons/01-sync") or a section ("lessons/01-sync#step-1-1"). If the name is
            empty, all pages are included.
        diff: Whether to print the changes in the English text instead of the list.
        mark: Whether to record that the translation is up to date instead of printing the list.

    Returns:
        The exit code, which is 1 if the untranslated parts of a page differ from the English page.

    Raises:
        WorkshopError: There is no such page or section, or a section cannot be marked.
    """
    page, _, anchor = name.partition("#")
    pages = translations.find(page)
    if anchor:
        pages = [translation for translation in pages if anchor in translations.states(translation)]
        if not pages:
            raise WorkshopError(f"{page} has no section {anchor}. To list the sections: {COMMAND} {page}")
    if mark and not page:
        raise WorkshopError(
            f"Give the name of the section to mark: {COMMAND} lessons/01-sync#step-1-1 --mark"
        )
    for translation in pages:
        states = translations.states(translation)
        if anchor:
            states = {anchor: states[anchor]}
        if mark:
            _mark(translation, states, one=bool(anchor))
        elif diff:
            _show_changes(translation, states, one=bool(anchor))
        else:
            _list(translation, states)
    differences = [sentence for translation in pages for sentence in translations.differences(translation)]
    for sentence in differences:
        say(sentence)
    return 1 if differences else 0


def changes(translation: Translation, anchor: str) -> list[str]:
    """Return a diff of the English section, comparing the translated version with the current version.

    Raises:
        WorkshopError: The history of the repository does not contain the translated version.
    """
    digest = translations.recorded(translation).get(anchor)
    now = translations.originals(translation.source).get(anchor, "")
    for commit in _commits(translation.source):
        try:
            texts = translations.originals(translation.source, lambda path, at=commit: _at(at, path))
        except OSError:
            continue
        before = texts.get(anchor, "")
        if translations.digest(before) == digest:
            title = f"{commit[:9]} {translation.source}"
            return list(
                difflib.unified_diff(before.splitlines(), now.splitlines(), title, "now", lineterm="")
            )
    raise WorkshopError(
        f"No commit contains the English text that {translation.file}#{anchor} was translated from. "
        "If this is a shallow clone, run: git fetch --unshallow"
    )


def _list(translation: Translation, states: dict[str, State]) -> None:
    say(f"{translation.file}, translated from {translation.source}:")
    for anchor, state in states.items():
        verbatim(f"  {state:<15}  {anchor}")
        if state in (State.CHANGED, State.REMOVED):
            verbatim(f"                   {COMMAND} {translation.name}#{anchor} --diff")


def _show_changes(translation: Translation, states: dict[str, State], one: bool) -> None:
    for anchor, state in states.items():
        if state in (State.CHANGED, State.REMOVED):
            for line in changes(translation, anchor):
                verbatim(line)
            say(f"After you have changed {translation.file}: {COMMAND} {translation.name}#{anchor} --mark")
        elif one:
            say(f"{translation.file}#{anchor}: {state}.")


def _mark(translation: Translation, states: dict[str, State], one: bool) -> None:
    one_sided = (State.MISSING, State.REMOVED)
    anchors = [anchor for anchor, state in states.items() if one or state not in one_sided]
    translations.mark(translation, anchors)
    say(f"{translation.file}: marked {', '.join(anchors)} as up to date.")


def _commits(source: str) -> Iterator[str]:
    """Yield the commits that may have changed the text of a page, newest first.

    Raises:
        WorkshopError: git cannot read the history.
    """
    log = _git("log", "--format=%H", "--", source, "lessons/*/lesson.toml", "docs/*.svg")
    if log.returncode:
        raise WorkshopError(f"git cannot read the history of this folder: {log.stderr.strip()}")
    yield from log.stdout.split()


def _at(commit: str, path: str) -> str:
    """Return the text of a file as it was in a given commit.

    Raises:
        FileNotFoundError: The commit does not contain the file.
    """
    content = _git("show", f"{commit}:{path}")
    if content.returncode:
        raise FileNotFoundError(path)
    return content.stdout


def _git(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        ["git", *arguments], cwd=paths.ROOT, env=inherited(), capture_output=True, text=True, check=False
    )
