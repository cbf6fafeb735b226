"""The figures as SVG, drawn by hand: bars with the span from the least to the most."""

import html
import statistics

WIDTH, LEFT, RIGHT, BAR, GAP, TOP = 760, 150, 90, 14, 14, 44
COLOURS = {"bulkhead": "#0b62a4", "floor": "#9aa5ad", "haproxy": "#7a92a5", "nginx": "#7a92a5", "nghttpx": "#7a92a5", "envoy": "#7a92a5",
           "direct": "#9aa5ad"}


def text(x, y, words, anchor="start", size=12, weight="normal"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" font-weight="{weight}" fill="#222">'
            f"{html.escape(words)}</text>")


def rectangle(x, y, width, height, colour):
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0.5):.1f}" height="{height:.1f}" fill="{colour}"/>'


def bars(title, groups, digits=1):
    """`groups`: [(its title, {name: values})]. One scale for each group, as they differ by orders of magnitude."""
    parts, y = [text(12, 24, title, size=15, weight="bold")], TOP
    for group, figures in groups:
        parts.append(text(12, y + 10, group, weight="bold"))
        y += 20
        scale = (WIDTH - LEFT - RIGHT) / max(max(values) for values in figures.values())
        for name, values in figures.items():
            middle = statistics.median(values)
            parts += [text(LEFT - 8, y + 11, name, "end"), rectangle(LEFT, y, middle * scale, BAR, COLOURS.get(name, "#7a92a5")),
                      rectangle(LEFT + min(values) * scale, y + BAR / 2 - 0.75, (max(values) - min(values)) * scale, 1.5, "#222"),
                      text(LEFT + max(values) * scale + 6, y + 11, f"{middle:,.{digits}f}")]
            y += BAR + 4
        y += GAP
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" width="{WIDTH}" height="{y}" '
            f'font-family="sans-serif"><rect width="{WIDTH}" height="{y}" fill="#fff"/>{"".join(parts)}</svg>\n')


def of_costs(case, field="cpu_us"):
    return {name: [each[field] for each in made] for name, made in case["costs"].items()}


def costs(results, title, scenarios, field="cpu_us", digits=1):
    cases = [case for case in results["cases"] if case["scenario"] in scenarios and case["costs"]]
    return bars(title, [(f"{case['scenario']} {case['title']}", of_costs(case, field)) for case in cases], digits) if cases else None


def latencies(results):
    groups = [(f"{case['scenario']} {case['title']}, at {case['rate']:,.0f}/s",
               {name: [each["p99"] for each in made] for name, made in case["latencies"].items() if all(each["held"] for each in made)})
              for case in results["cases"] if case["latencies"]]
    groups = [(title, figures) for title, figures in groups if figures]
    return bars("p99 at half load, µs; who did not hold the rate is left out", groups, 0) if groups else None


def memories(results):
    groups = [(each["title"], {name: [figure["connection_kib"]] for name, figure in each["figures"].items()})
              for each in results["memory"] if not each["burst"] and each["figures"]]
    return bars("An idle connection, KiB PSS", groups) if groups else None


def draw(results, directory):
    directory.mkdir(parents=True, exist_ok=True)
    drawn = {
        "gateway": costs(results, "The gateway: CPU µs a request", (1, 2, 3)),
        "mesh": costs(results, "The mesh: CPU µs of both sidecars", (4, 5)),
        "tcp": costs(results, "Raw TCP through the mesh: MiB a second", (6,), "per_second", 0),
        "handshakes": costs(results, "mTLS handshakes: CPU µs each", (7,), digits=0),
        "connections": costs(results, "The mesh with many connections, and two workers: CPU µs a request", (8,)),
        "latency": latencies(results), "memory": memories(results)}
    for name, svg in drawn.items():
        if svg:
            (directory / f"{name}.svg").write_text(svg)
