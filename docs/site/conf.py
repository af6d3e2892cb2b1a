# Sphinx: the pages of docs/ as a site with search (docs/site/build.sh).
import os
import re

from pygments.lexers.special import TextLexer

root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
with open(os.path.join(root, 'CMakeLists.txt')) as file:
    release = re.search(r'project\(\w+ VERSION ([0-9.]+)', file.read()).group(1)
project = 'HeatViT simulator'
extensions = ['myst_parser']
myst_heading_anchors = 3
html_theme = 'furo'
html_title = f'{project} {release}'
html_show_sphinx = False
html_show_copyright = False
exclude_patterns = ['site']


def outside_links(app, name, source):
    """A link to a file that is no page of the site becomes its name: the site stands for itself."""
    folder = os.path.dirname(os.path.join(root, 'docs', name))

    def plain(match):
        text, target = match.group(1), match.group(2).split('#')[0]
        path = os.path.normpath(os.path.join(folder, target))
        inside = path.startswith(os.path.join(root, 'docs') + os.sep)
        if not target or '://' in target or inside:
            return match.group(0)
        if not os.path.exists(path):
            raise SystemExit(f'docs/{name}.md: link to {target}, which does not exist')
        return f'{text} (`{os.path.relpath(path, root)}`)'

    source[0] = re.sub(r'(?<!!)\[([^\]]+)\]\(([^)\s]+)\)', plain, source[0])


def setup(app):
    app.add_lexer('layers', TextLexer)  # the folder graph, which a test reads
    app.connect('source-read', outside_links)
