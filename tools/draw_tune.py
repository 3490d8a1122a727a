#!/usr/bin/env python3
"""Draws a MIDI file as a piano roll in SVG: time to the right, pitch upwards, a bar a line, a colour an instrument.
Install mido.

    tools/draw_tune.py tune.mid tune.svg [--quarters 32]
"""
import argparse

COLOURS = ["#2a6f97", "#c8553d", "#588157", "#7b2d8b", "#b08900"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tune")
    parser.add_argument("svg")
    parser.add_argument("--quarters", type=float, default=32, help="quarter notes to draw")
    options = parser.parse_args()
    import mido

    import make_music_fixtures

    notes, bar, quarter = [], 4.0, 480
    for line in make_music_fixtures.read(mido, options.tune).splitlines():
        kind, *numbers = line.split()
        if kind == "quarter":
            quarter = int(numbers[0])
        elif kind == "note":
            start, length, program, key, _ = map(int, numbers)
            if start / quarter < options.quarters:
                notes.append((start / quarter, length / quarter, program, key))
        elif kind == "metre" and numbers[0] == "0":
            bar = int(numbers[1]) * 4 / int(numbers[2])
    keys = [key for *_, key in notes] or [60]
    low, high = min(keys) - 2, max(keys) + 2
    wide, tall = 880 / options.quarters, 6
    width, height = 900, (high - low + 1) * tall + 20
    programs = sorted({program for _, _, program, _ in notes})
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">',
           f'<rect width="{width}" height="{height}" fill="#fff"/>']
    for key in range(low, high + 1):
        if key % 12 in (1, 3, 6, 8, 10):
            out.append(f'<rect x="10" y="{10 + (high - key) * tall}" width="880" height="{tall}" fill="#f0f0f0"/>')
    at = 0.0
    while at <= options.quarters:
        out.append(f'<path d="M{10 + at * wide:.1f} 10V{height - 10}" stroke="#ccc"/>')
        at += bar
    for start, length, program, key in notes:
        length = min(length, options.quarters - start)
        colour = COLOURS[programs.index(program) % len(COLOURS)]
        out.append(f'<rect x="{10 + start * wide:.1f}" y="{10 + (high - key) * tall}" width="{max(length * wide - 1, 1):.1f}" '
                   f'height="{tall}" rx="1.5" fill="{colour}"/>')
    with open(options.svg, "w", encoding="utf-8") as file:
        file.write("\n".join([*out, "</svg>"]) + "\n")


if __name__ == "__main__":
    main()
