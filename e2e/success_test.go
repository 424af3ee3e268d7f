package e2e

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/workload"
)

// TestTutorial is the main job: five MP4 files become five MP3 files, twice.
func TestTutorial(t *testing.T) {
	t.Parallel()
	s := shared(t)
	dir := t.TempDir()
	var names []string
	for _, sample := range samples(t) {
		names = append(names, filepath.Base(sample))
		writeInput(t, dir, filepath.Base(sample), readFile(t, sample))
	}
	file := filepath.Join(dir, "workload.yaml")
	require.NoError(t, os.WriteFile(file, readFile(t, filepath.Join(root, "examples", "ffmpeg", "workload.yaml")), 0o644))

	id := newID(t)
	report, told := s.run(t, id, file, exitSucceeded)
	requireFiveMP3(t, dir, report)
	requireMilestones(t, told.stderr, report.Resources, names)
	s.requireCleanedUp(t, report.Resources)
	require.Empty(t, report.Left)
	require.Empty(t, report.Notes)
	s.checkHistory(t, id, "success", names...)

	require.NoError(t, os.RemoveAll(filepath.Join(dir, "OutputFiles")))
	again, _ := s.run(t, newID(t), file, exitSucceeded)
	requireFiveMP3(t, dir, again)
	s.requireCleanedUp(t, again.Resources)
	require.Empty(t, again.Notes)
	s.requireNoSecretsInCommandLines(t)
}

func requireFiveMP3(t *testing.T, dir string, report workload.Report) {
	t.Helper()
	require.Equal(t, workload.Succeeded, report.Outcome)
	require.Equal(t, workload.Counts{Total: 5, Succeeded: 5}, report.Counts)
	require.Len(t, outputsIn(t, filepath.Join(dir, "OutputFiles")), 5)
	require.Contains(t, string(readFile(t, filepath.Join(dir, "OutputFiles", workload.ReportFile))), "<strong>Succeeded</strong>")
	for _, sample := range samples(t) {
		name := strings.TrimSuffix(filepath.Base(sample), ".mp4") + ".mp3"
		require.InDelta(t, duration(t, sample), duration(t, filepath.Join(dir, "OutputFiles", name)), 0.1, name)
	}
}

// requireMilestones: the tutorial's lines are there, in its order. The pool is
// created while files are uploaded, so those lines have an order of their own.
func requireMilestones(t *testing.T, told string, r workload.Resources, names []string) {
	t.Helper()
	requireInOrder(t, told, append([]string{"Run start: ",
		"Container [" + r.InputContainer + "] created.",
		"Container [" + r.OutputContainer + "] created."}, prefixed("Uploading file ", names)...)...)
	requireInOrder(t, told, "Run start: ",
		"Creating pool ["+r.Pool+"]...",
		"Creating job ["+r.Job+"]...",
		"Adding 5 tasks to job ["+r.Job+"]...",
		"Monitoring all tasks for 'Completed' state, timeout in 00:30:00...",
		"Success! All tasks completed successfully within the specified timeout period.",
		"Deleting container ["+r.InputContainer+"]...",
		"Outputs: container ["+r.OutputContainer+"] and directory ",
		"Web UI: http://127.0.0.1:",
		"Deleting job ["+r.Job+"]...",
		"Deleting pool ["+r.Pool+"]...",
		"Cleanup done: job deleted, pool deleted.",
		"Run end: ",
		"Elapsed time: ")
}

func prefixed(prefix string, names []string) []string {
	lines := make([]string, len(names))
	for i, name := range names {
		lines[i] = prefix + name
	}
	return lines
}

func requireInOrder(t *testing.T, text string, pieces ...string) {
	t.Helper()
	rest := text
	for _, piece := range pieces {
		_, after, found := strings.Cut(rest, piece)
		require.True(t, found, "%q is missing, or not in its place, in\n%s", piece, text)
		rest = after
	}
}

// hostileNames are names that a shell, a URL, a glob, a protocol or a Blob
// container would read as something else, and the output of each.
var hostileNames = map[string]string{
	"two  words.mp4":                   "two  words.mp3",
	"it's.mp4":                         "it's.mp3",
	`say "hi".mp4`:                     `say "hi".mp3`,
	`a b'c$(reboot)"; -x.mp4`:          `a b'c$(reboot)"; -x.mp3`,
	"$(touch pwned).mp4":               "$(touch pwned).mp3",
	"`touch pwned`.mp4":                "`touch pwned`.mp3",
	"line\nbreak.mp4":                  "line\nbreak.mp3",
	"-rf.mp4":                          "-rf.mp3",
	"100%20.mp4":                       "100%20.mp3",
	"#1.mp4":                           "#1.mp3",
	"what?.mp4":                        "what?.mp3",
	"a&b;c|d.mp4":                      "a&b;c|d.mp3",
	`back\slash.mp4`:                   `back\slash.mp3`,
	"🎬.mp4":                            "🎬.mp3",
	"שלום \u202egpm.mp4":               "שלום \u202egpm.mp3",
	strings.Repeat("x", 196) + ".mp4":  strings.Repeat("x", 196) + ".mp3",
	"one/same.mp4":                     "one/same.mp3",
	"two/same.mp4":                     "two/same.mp3",
	".hidden":                          ".hidden.mp3",
	"no extension":                     "no extension.mp3",
	"a.b.mp4":                          "a.b.mp3",
	"concat:a.mp4":                     "concat:a.mp3",
	"[x]*{a,b}.mp4":                    "[x]*{a,b}.mp3",
	"ends in dot.":                     "ends in dot.mp3",
	"~/$HOME/deep/" + "%41/clip é.mp4": "~/$HOME/deep/" + "%41/clip é.mp3",
}

// TestHostileNames: a name is only a name. Each output is, byte by byte, what
// ffmpeg makes of the file itself.
func TestHostileNames(t *testing.T) {
	t.Parallel()
	s := shared(t)
	dir := t.TempDir()
	var videos, sounds [][]byte
	for _, sample := range samples(t) {
		videos, sounds = append(videos, readFile(t, sample)), append(sounds, directly(t, sample))
	}
	expected, names := map[string][]byte{}, []string{}
	for name, output := range hostileNames {
		n := len(names) % len(videos)
		writeInput(t, dir, name, videos[n])
		expected[output] = sounds[n]
		names = append(names, name)
	}
	file := writeWorkload(t, dir, "inputs: {dir: InputFiles}", poolOf(2), mp3, "outputs: {dir: OutputFiles}")

	id := newID(t)
	report, _ := s.run(t, id, file, exitSucceeded)

	require.Equal(t, int64(len(hostileNames)), report.Counts.Succeeded)
	found := outputsIn(t, filepath.Join(dir, "OutputFiles"))
	require.Len(t, found, len(expected), "%q", found)
	for name, content := range expected {
		require.True(t, bytes.Equal(content, readFile(t, filepath.Join(dir, "OutputFiles", name))), "another content than ffmpeg's: %q", name)
	}
	for _, result := range s.results(t, report) {
		require.Equal(t, int32(1), result.Attempts, "%q", result.Name)
	}
	s.checkHistory(t, id, "", "say ", "reboot", "slash", "hidden")
	s.requireCleanedUp(t, report.Resources)
}
