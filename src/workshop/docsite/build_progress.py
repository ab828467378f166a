"""An MkDocs hook that prints the progress of the first build of the docs site."""

_STEP = 10
_pages = {"read": 0, "all": 0}


def on_nav(nav, config, files):
    """Count the pages, but only during the first build. MkDocs calls this function during every build."""
    _pages["all"] = 0 if _pages["read"] else len(files.documentation_pages())


def on_page_content(html, page, config, files):
    """Print the progress. MkDocs calls this function after reading each page.

    Reading the pages is most of the work of a build.
    """
    _pages["read"] += 1
    if _pages["all"] and _pages["read"] % _STEP == 0:
        print(f"  {_pages['read']} of {_pages['all']} pages", flush=True)
