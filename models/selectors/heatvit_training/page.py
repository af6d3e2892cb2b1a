"""Tables of a page of docs/ that scripts write."""

import re

from .tensors import write_text


def write_tables(path, found, kind):
    """found: {name: table}. Replaces what stands between <!-- KIND: NAME --> and <!-- end -->; a table without a place is refused."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    for name, table in found.items():
        pattern = re.compile(rf"(<!-- {kind}: {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        if not pattern.search(text):
            raise ValueError(f"--page {path}: no lines <!-- {kind}: {name} --> and <!-- end -->")
        text = pattern.sub(lambda match, table=table: match[1] + "\n" + table + "\n" + match[2], text)
    write_text(path, text)
