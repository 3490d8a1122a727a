#!/usr/bin/env python3
"""Makes MIDI files with mido (odd metres and tempi, formats 0 and 1, running status; make_music_fixtures.py), has attend
read each and write it again, and compares what mido reads in both: notes with their times, instruments and velocities,
tempi, metres. Install mido.

    tools/check_midi.py build/attend [--count 100]
"""
import argparse
import pathlib
import subprocess
import sys
import tempfile

import make_music_fixtures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("attend")
    parser.add_argument("--count", type=int, default=100)
    options = parser.parse_args()
    import mido

    different = notes = 0
    with tempfile.TemporaryDirectory() as folder:
        given, written = pathlib.Path(folder, "given.mid"), pathlib.Path(folder, "written.mid")
        for number in range(options.count):
            make_music_fixtures.make(mido, number).save(given)
            subprocess.run([options.attend, "convert", given, "--out", written, "--quiet"], check=True)
            one, two = (make_music_fixtures.read(mido, path) for path in (given, written))
            notes += one.count("note ")
            if one != two:
                different += 1
                print(f"file {number}:", *sorted(set(one.splitlines()) ^ set(two.splitlines())), sep="\n  ")
    print(f"{options.count} files, {notes} notes: {different} files differ")
    return different > 0 or notes == 0


if __name__ == "__main__":
    sys.exit(main())
