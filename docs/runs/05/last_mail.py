"""Print the headers, the text and the attachments of the newest email in data/mail. Run in the project."""

from email import message_from_bytes, policy
from pathlib import Path

file = max(Path("data/mail").glob("*.eml"), key=lambda each: each.stat().st_mtime)
mail = message_from_bytes(file.read_bytes(), policy=policy.default)
for name in ("From", "To", "Subject", "Message-ID"):
    print(f"{name}: {mail[name]}")
print()
print(mail.get_body(("plain",)).get_content().strip())
print()
html, table = mail.get_body(("html",)), next(mail.iter_attachments())
print(f"[{html.get_content_type()}, {len(html.get_content())} characters]")
print(f"[{table.get_filename()}]")
print("\n".join(table.get_content().splitlines()[:4]))
