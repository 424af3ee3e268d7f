#!/bin/sh
# Makes the five sample videos in InputFiles with ffmpeg alone: a test picture
# and a steady tone, each with a pitch and a length of its own, so that an
# output can be told from every other.
set -eu
cd "$(dirname "$0")"
mkdir -p InputFiles

sample() { # number, seconds, tone in Hz
	ffmpeg -nostdin -loglevel error -y \
		-f lavfi -i "testsrc=duration=$2:size=320x180:rate=15" \
		-f lavfi -i "sine=frequency=$3:duration=$2:sample_rate=44100" \
		-c:v libx264 -preset veryslow -crf 34 -pix_fmt yuv420p \
		-c:a aac -b:a 64k -ac 1 -shortest -map_metadata -1 -fflags +bitexact -flags:v +bitexact -flags:a +bitexact \
		"InputFiles/LowPriVMs-$1.mp4"
}

sample 1 3 262
sample 2 5 330
sample 3 7 392
sample 4 9 440
sample 5 12 523
