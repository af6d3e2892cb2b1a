"""A scatter plot with lines as SVG, without any library."""

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 780, 440, 62, 250, 18, 52
COLOURS = ("#1f5fa8", "#c1661c", "#777777", "#2a8a4a", "#a03070", "#000000", "#d0a020", "#50b0c0", "#905020", "#e06060", "#7050c0",
           "#90b040", "#f0a0c0")


def ticks(low, high, count=6):
    """Round numbers over a range."""
    step = 10.0 ** int(f"{(high - low) / count:e}".split("e")[1])
    step = next(step * factor for factor in (1, 2, 5, 10) if (high - low) / (step * factor) <= count)
    first = int(low / step) + (low % step > 0)
    return [round(step * k, 10) for k in range(first, int(high / step + 1e-9) + 1)]


def text(x, y, words, anchor="middle", more=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{more}>{words}</text>'


def svg(series, x_label, y_label):
    """series: [(name, points, whether a line joins them)]; points: [(x, y)]. Names are plain words."""
    xs, ys = zip(*(point for _, points, _ in series for point in points))
    span_x, span_y = max(xs) - min(xs) or 1.0, max(ys) - min(ys) or 1.0
    low_x, high_x = min(xs) - 0.04 * span_x, max(xs) + 0.04 * span_x
    low_y, high_y = min(ys) - 0.06 * span_y, max(ys) + 0.06 * span_y

    def place(point):
        return (LEFT + (point[0] - low_x) / (high_x - low_x) * (WIDTH - LEFT - RIGHT),
                HEIGHT - BOTTOM - (point[1] - low_y) / (high_y - low_y) * (HEIGHT - TOP - BOTTOM))

    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
           f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>']
    for value in ticks(low_x, high_x):
        x = place((value, low_y))[0]
        out.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}" stroke="#dddddd"/>')
        out.append(text(x, HEIGHT - BOTTOM + 17, f"{value:g}"))
    for value in ticks(low_y, high_y):
        y = place((low_x, value))[1]
        out.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#dddddd"/>')
        out.append(text(LEFT - 7, y + 4, f"{value:g}", "end"))
    for number, (name, points, joined) in enumerate(series):
        colour, placed = COLOURS[number % len(COLOURS)], [place(point) for point in sorted(points)]
        if joined and len(placed) > 1:
            path = " ".join(f"{x:.1f},{y:.1f}" for x, y in placed)
            out.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        out += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{4 if joined else 2.5}" fill="{colour}"/>' for x, y in placed]
        row = TOP + 12 + 20 * number
        out.append(f'<circle cx="{WIDTH - RIGHT + 18}" cy="{row - 4}" r="4" fill="{colour}"/>')
        out.append(text(WIDTH - RIGHT + 30, row, name, "start"))
    out.append(text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 14, x_label))
    middle = (TOP + HEIGHT - BOTTOM) / 2
    out.append(text(16, middle, y_label, more=f' transform="rotate(-90 16 {middle:.1f})"'))
    return "\n".join(out) + "\n</svg>\n"
