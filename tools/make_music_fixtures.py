#!/usr/bin/env python3
"""Writes tests/data/music: small MIDI files in odd metres and tempi, formats 0 and 1, with running status (mido writes it),
and what mido reads in each (NAME.txt: "quarter T", "note start length program key velocity", "tempo at microseconds", "metre at
n d", by time). Install mido.

    tools/make_music_fixtures.py [FOLDER] [--count N]
"""
import argparse
import pathlib
import random


def make(mido, number):
    random.seed(number)
    file = mido.MidiFile(type=number % 2, ticks_per_beat=random.choice([24, 96, 120, 480, 960]))
    events = []  # (time, order, message)
    for at in sorted(random.sample(range(0, 4000, 7), 3)):
        events.append((at, 0, mido.MetaMessage("set_tempo", tempo=random.randrange(200000, 1500000))))
        events.append((at, 0, mido.MetaMessage("time_signature", numerator=random.choice([3, 5, 7, 11]), denominator=random.choice([4, 8, 16]))))
    parts = [events]
    for channel in random.sample([0, 1, 2, 5, 9, 15], 3):
        part = [(0, 0, mido.Message("program_change", channel=channel, program=random.randrange(128)))]
        for key in random.sample(range(20, 110), 6):
            at = random.randrange(0, 300)
            for _ in range(5):
                length = random.randrange(1, 500)
                part.append((at, 2, mido.Message("note_on", channel=channel, note=key, velocity=random.randrange(1, 128))))
                off = random.random() < 0.5
                part.append((at + length, 1, mido.Message("note_off" if off else "note_on", channel=channel, note=key, velocity=0)))
                at += length + random.randrange(0, 400)
        parts.append(part)
    for part in [sum(parts, [])] if number % 2 == 0 else parts:
        track = mido.MidiTrack()
        file.tracks.append(track)
        now = 0
        for at, _, message in sorted(part, key=lambda e: e[:2]):
            track.append(message.copy(time=at - now))
            now = at
    return file


def read(mido, path):
    file = mido.MidiFile(path)
    notes, tempi, metres = [], [], []
    for track in file.tracks:
        now, programs, open_notes = 0, [0] * 16, {}
        for message in track:
            now += message.time
            if message.type == "set_tempo":
                tempi.append((now, message.tempo))
            elif message.type == "time_signature":
                metres.append((now, message.numerator, message.denominator))
            elif message.type == "program_change":
                programs[message.channel] = message.program
            elif message.type in ("note_on", "note_off"):
                place = (message.channel, message.note)
                if place in open_notes:
                    start, velocity = open_notes.pop(place)
                    program = 128 if message.channel == 9 else programs[message.channel]
                    notes.append((start, now - start, program, message.note, velocity))
                if message.type == "note_on" and message.velocity:
                    open_notes[place] = (now, message.velocity)
    lines = [f"quarter {file.ticks_per_beat}"]
    lines += ["note %d %d %d %d %d" % n for n in sorted(notes, key=lambda n: (n[0], n[2], n[3], n[1]))]
    lines += ["tempo %d %d" % t for t in sorted(tempi)] + ["metre %d %d %d" % m for m in sorted(metres)]
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", default=pathlib.Path(__file__).parent.parent / "tests/data/music")
    parser.add_argument("--count", type=int, default=6)
    options = parser.parse_args()
    folder = pathlib.Path(options.folder)
    import mido

    folder.mkdir(parents=True, exist_ok=True)
    for number in range(options.count):
        path = folder / f"tune{number}.mid"
        make(mido, number).save(path)
        path.with_suffix(".txt").write_text(read(mido, path))


if __name__ == "__main__":
    main()
