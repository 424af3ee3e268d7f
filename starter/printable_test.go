package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestNameOf(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"a b'c$(x)\".mp4":  "a b'c$(x)\".mp4",
		"größe-日本-😀.mp4":   "größe-日本-😀.mp4",
		"العربية.mp4":      "العربية.mp4",
		"two\nlines":       `"two\nlines"`,
		"\x1b[2Jgone":      `"\x1b[2Jgone"`,
		"exe\u202e4pm.mp3": `"exe\u202e4pm.mp3"`,
		"broken\xff":       `"broken\xff"`,
		"nbsp\u00a0":       `"nbsp\u00a0"`,
	} {
		require.Equal(t, want, nameOf(name))
	}
}

func TestLinesOf(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{"one", "    two", `\x1b[31m"red"`}, linesOf("one\r\n\ttwo\n\x1b[31m\"red\"\n\n"))
	require.Equal(t, "one two…", sentenceOf("one\ntwo three", 8))
}

func TestSizeOf(t *testing.T) {
	t.Parallel()
	for bytes, want := range map[int64]string{
		0: "0 B", 999: "999 B", 1000: "1.0 KB", 9_940: "9.9 KB", 9_960: "10 KB", 812_300: "812 KB",
		999_499: "999 KB", 999_500: "1.0 MB", 5_300_000_000: "5.3 GB", 1 << 62: "4.6 EB",
	} {
		require.Equal(t, want, sizeOf(bytes))
	}
}

func TestClockOf(t *testing.T) {
	t.Parallel()
	require.Equal(t, "00:30:00", clockOf(30*time.Minute))
	require.Equal(t, "101:01:01", clockOf(101*time.Hour+61*time.Second+900*time.Millisecond))
	require.Equal(t, "00:00:12.34", elapsedOf(12*time.Second+345*time.Millisecond))
	require.Equal(t, "00:00:00.00", elapsedOf(-time.Second))
}

func TestShellWord(t *testing.T) {
	t.Parallel()
	require.Equal(t, "run-2026.1", shellWord("run-2026.1"))
	require.Equal(t, `'two words'`, shellWord("two words"))
	require.Equal(t, `'-x'`, shellWord("-x"))
	require.Equal(t, `'it'\''s $(x)'`, shellWord("it's $(x)"))
}

func TestScreenOnATerminal(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	s := newScreen(&out, true)
	s.progress("1 of 2", time.Second)
	s.progress("1 of 2", time.Second)
	s.printf("a line")
	s.progress(strings.Repeat("ä", 200), 0)
	s.ask("Sure? ")
	s.progress("hidden", 0)
	s.printf("another line")
	s.withdraw()
	const clear = "\r\x1b[K"
	require.Equal(t, "1 of 2 · 00:00:01"+clear+"a line\n"+strings.Repeat("ä", 79)+clear+
		"Sure? "+clear+"another line\nSure? "+clear, out.String())
}

func TestScreenElsewhere(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	s := newScreen(&out, false)
	now := time.Unix(1000, 0)
	s.now = func() time.Time { return now }
	for second := range 12 {
		s.progress(fmt.Sprintf("%d of 12", second), time.Duration(second)*time.Second)
		now = now.Add(time.Second)
	}
	s.progress("10 of 12", 20*time.Second)
	require.Equal(t, "0 of 12 · 00:00:00\n5 of 12 · 00:00:05\n10 of 12 · 00:00:10\n", out.String())
}
