#!/usr/bin/env python3
"""Arrows between folders point down: layers.py HOME. Prints each folder with the folders that it includes and links.

The list of layers stands in docs/architecture.md, between the lines "```layers" and "```": a layer a line, the top one
first. A folder includes and links folders of lower layers only. Fails (exit code 1) on an arrow that points up or sideways,
on a circle between files, on a library that is included but not linked, on a folder that the list lacks, and on an include that
names no file.
"""
import pathlib
import re
import sys

INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.M)
LIBRARY = re.compile(r'add_(?:library|executable)\(\s*(\w+)')
LINK = re.compile(r'target_link_libraries\(\s*(\S+)([^)]*)\)')
# What accel/ may see of the rest, and the rest of accel/: the simulated hardware knows no model, a model no hardware.
APART = [('accel/', 'models/', ()), ('models/', 'accel/', ('accel/isa',))]


def layers_of(page):
    text = re.search(r'^```layers\n(.*?)^```', page.read_text(), re.M | re.S)
    if not text:
        sys.exit(f'{page}: no block of layers')
    return [line.split() for line in text.group(1).splitlines() if line.strip()]


class Graph:
    def __init__(self, home):
        self.home = home
        layers = layers_of(home / 'docs/architecture.md')
        self.rank = {folder: i for i, layer in enumerate(layers) for folder in layer}
        self.errors = []
        self.included = {}  # file -> files
        self.arrows = {folder: {} for folder in self.rank}  # folder -> folder -> a place where the arrow starts

    def folder_of(self, path):
        """The listed folder that a path lies in: the longest."""
        parts = path.split('/')
        for n in range(len(parts) - 1, 0, -1):
            if '/'.join(parts[:n]) in self.rank:
                return '/'.join(parts[:n])
        return None

    def arrow(self, start, end, place):
        if start == end or start is None or end is None:
            return
        self.arrows[start].setdefault(end, place)
        if self.rank[end] <= self.rank[start]:
            self.errors.append(f'{place}: {start} -> {end} does not point down')
        for above, below, allowed in APART:
            if start.startswith(above) and end.startswith(below) and end not in allowed:
                self.errors.append(f'{place}: nothing in {above} may use {end}')

    def read_includes(self):
        sources = sorted(p for top in ('accel', 'models', 'tb') for p in (self.home / top).rglob('*')
                         if p.suffix in ('.h', '.cpp', '.c') and '/bad/' not in str(p))
        for source in sources:
            name = source.relative_to(self.home).as_posix()
            folder = self.folder_of(name)
            if folder is None:
                self.errors.append(f'{name}: its folder is in no layer of docs/architecture.md')
            found = self.included.setdefault(name, [])
            for match in INCLUDE.finditer(source.read_text()):
                beside, from_root = source.parent / match.group(1), self.home / match.group(1)
                target = beside if beside.exists() else from_root
                if not target.exists():
                    if match.group(1).split('/')[0] in ('accel', 'models', 'tb'):
                        self.errors.append(f'{name}: there is no {match.group(1)}')
                    continue  # of another library, or written by the build
                target = target.resolve().relative_to(self.home).as_posix()
                found.append(target)
                self.arrow(folder, self.folder_of(target), name)

    def read_links(self):
        lists = sorted(p for top in ('accel', 'models', 'tb') for p in (self.home / top).rglob('CMakeLists.txt'))
        home_of, links = {}, []
        for page in lists:
            name = page.relative_to(self.home).as_posix()
            text = re.sub(r'#.*', '', page.read_text())
            for library in LIBRARY.findall(text):
                home_of[library] = self.folder_of(name)
            links += [(target, words.split(), name) for target, words in LINK.findall(text)]
        linked = {folder: set() for folder in self.rank}
        for target, words, name in links:
            for word in words:
                start, end = home_of.get(target), home_of.get(word)
                self.arrow(start, end, f'{name} ({target} links {word})')
                if start and end:
                    linked[start].add(end)
        self.compare(linked)

    def compare(self, linked):
        """Who includes a folder's headers also links its library, or a library that does."""
        for folder in sorted(linked, key=lambda f: -self.rank[f]):  # from the bottom up: what is below is complete
            linked[folder] |= set().union(*(linked[below] for below in linked[folder]), {folder})
        for folder, arrows in self.arrows.items():
            if folder.startswith(('tb/tests', 'tb/bench', 'tb/examples')):
                continue  # many programs, each with libraries of its own
            for other, place in arrows.items():
                if linked[folder] - {folder} and other not in linked[folder] and other != 'accel/isa':
                    self.errors.append(f'{place}: {folder} includes {other}, but does not link it')

    def find_circles(self):
        state, path = {}, []

        def visit(name):
            state[name] = 'open'
            path.append(name)
            for other in self.included.get(name, []):
                if state.get(other) == 'open':
                    self.errors.append('a circle: ' + ' -> '.join(path[path.index(other):] + [other]))
                elif other not in state:
                    visit(other)
            path.pop()
            state[name] = 'closed'

        for name in sorted(self.included):
            if name not in state:
                visit(name)

    def print(self):
        width = max(map(len, self.rank))
        for folder, arrows in self.arrows.items():
            print(f'{folder:{width}} -> ' + (' '.join(sorted(arrows, key=lambda f: (self.rank[f], f))) or '(none)'))


def main():
    graph = Graph(pathlib.Path(sys.argv[1]).resolve())
    graph.read_includes()
    graph.read_links()
    graph.find_circles()
    graph.print()
    print(f'\n{len(graph.included)} files, {sum(map(len, graph.arrows.values()))} arrows, {len(graph.errors)} errors')
    for error in graph.errors:
        print('error: ' + error)
    return 1 if graph.errors else 0


if __name__ == '__main__':
    sys.exit(main())
