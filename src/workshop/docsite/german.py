"""The German text of the docs site: the menus, labels and notes on the pages in docs/de/."""

from workshop.docsite.lesson_times import Words

FACTS = Words(
    goals="**Du lernst, wie du**",
    time="**Zeit:** etwa {} Minuten.",
    more_time="Die optionalen Schritte dauern weitere {} Minuten.",
    optional="Optional, ",
    minute="{} Minute",
    minutes="{} Minuten",
    hour="{} Stunde",
    hours="{} Stunden",
)

SITE = {
    "site_name": "Django und Celery, Schritt für Schritt",
    "site_description": "Lerne Celery in fünf Lektionen: vom Foto-Upload, der den Browser blockiert, "
    "bis zu einem zuverlässigen Hintergrundsystem.",
}

NAVIGATION = {
    "Start": "Start",
    "Lessons": "Lektionen",
    "Notebooks": "Notebooks",
    "Guides": "Anleitungen",
    "Reference": "Referenz",
    "Explanation": "Hintergrund",
    "Benchmarks": "Benchmarks",
}

ENGLISH_PAGE = "{} (englisch)"

LABELS = {
    "Switch to dark mode": "Zum dunklen Modus wechseln",
    "Switch to light mode": "Zum hellen Modus wechseln",
    "Link to this section": "Link zu diesem Abschnitt",
}

CHANGED = "Der englische Text dieses Abschnitts wurde seitdem geändert"
REMOVED = "Diesen Abschnitt gibt es auf der englischen Seite nicht mehr"
MISSING = "Hier fehlt noch ein Abschnitt der englischen Seite"
READ_ENGLISH = "Lies im Zweifel [die englische Fassung]({})."
READ_MISSING = "Lies solange [{}]({}) auf Englisch."
