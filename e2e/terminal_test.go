package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// gated writes a workload of so many files, of which every fourth fails at
// once, with a stderr that would colour the terminal, and the others wait at
// the gate.
func gated(t *testing.T, files int) (file, gate string) {
	t.Helper()
	dir := t.TempDir()
	gate = filepath.Join(dir, "gate")
	for n := range files {
		name := fmt.Sprintf("clip-%02d.mp4", n)
		if n%4 == 1 {
			name = fmt.Sprintf("clip-%02d \x1b[31mred.mp4", n)
		}
		writeInput(t, dir, name, []byte(name))
	}
	file = writeWorkload(t, dir, "inputs: {dir: InputFiles}",
		fmt.Sprintf("pool: {vmSize: Standard_A1_v2, %s, spotNodes: 3, taskSlots: 4}", image), fmt.Sprintf(`
task:
  command: |
    case {{stem}} in *red*) printf 'reading\n\033]0;title\007\033[31mmoov atom not found\n' >&2; exit 7;; esac
    while ! [ -e '%s' ]; do sleep 0.2; done
    cp {{input}} {{output}}
  output: "{{stem}}.mp3"`, gate))
	return file, gate
}

func open(t *testing.T, gate string) {
	t.Helper()
	require.NoError(t, os.WriteFile(gate, nil, 0o644))
}

// TestOnATerminal: a view that moves, failures as they come, a window that
// becomes narrow, questions that are answered by one key, and a report that
// stays.
func TestOnATerminal(t *testing.T) {
	t.Parallel()
	s := shared(t)
	file, gate := gated(t, 16)
	id := newID(t)
	s.tellIfFailed(t, id)
	term := s.onTerminal(t, 80, 24, nil, "run", "--id", id, file)

	term.shows(t, "x 4 failed")
	term.shows(t, `✗ Failed: "clip-01 \x1b[31mred.mp4" (task-00000001, exit code 7): \x1b]0;title`)
	for _, piece := range []string{"✓ scan", "● wait", "· gather", "▒ 12 running", "of 16", "nodes  3 running", "cost   less than $0.01 at most so far", "so far"} {
		term.shows(t, piece)
	}
	require.Regexp(t, colour, term.bytes())
	require.NotContains(t, term.bytes(), "\x1b]0;", "a task's output cannot set the title")

	term.size(t, 40, 24)
	term.shows(t, "x 4 failed ▒ 12 running · of 16") // on two lines now
	for _, row := range term.rows()[len(term.rows())-24:] {
		require.LessOrEqual(t, len([]rune(row)), 40, row)
	}
	term.size(t, 100, 24)

	open(t, gate)
	term.shows(t, "Delete job? [Y] yes, [N] no:")
	term.press(t, "n")
	term.shows(t, "Delete pool? [Y] yes, [N] no:")
	term.press(t, "\r")
	require.Equal(t, exitFailed, term.code(t))

	text := term.text()
	inOrder(t, text, "Run start:", "Delete job? [Y] yes, [N] no: n", "Delete pool? [Y] yes, [N] no:", "Cleanup done: job kept, pool deleted.",
		"Run end:", "Elapsed time:", "Cost of the nodes, estimated: less than $0.01 at most for 0.0")
	require.NotContains(t, text, "so far", "the view is gone")
	require.Equal(t, 1, strings.Count(text, "12 of 16 tasks succeeded"))
	require.True(t, strings.HasSuffix(term.bytes(), "\n"), "the prompt comes on a line of its own")
	require.Contains(t, term.bytes(), "\x1b[?25h", "the cursor is back")
	require.Equal(t, exitSucceeded, s.starter(t, "status", id).code)
}

// TestStopFollowingOnATerminal: Ctrl-C arrives as a key there.
func TestStopFollowingOnATerminal(t *testing.T) {
	t.Parallel()
	s := shared(t)
	file, gate := gated(t, 3)
	id := newID(t)
	s.tellIfFailed(t, id)
	term := s.onTerminal(t, 80, 24, []string{"NO_COLOR=1"}, "run", "--id", id, file)
	term.shows(t, "▒ 2 running")
	term.press(t, "\x03")
	require.Equal(t, exitInterrupted, term.code(t))
	require.Contains(t, unbroken(term.text()), unbroken("You stopped following; run "+id+" goes on. Come back with: starter watch "+id))
	require.NotRegexp(t, colour, term.bytes(), "NO_COLOR")

	dumb := s.onTerminal(t, 80, 24, []string{"TERM=dumb"}, "watch", "--yes", id)
	dumb.shows(t, "Monitoring all tasks")
	open(t, gate)
	require.Equal(t, exitFailed, dumb.code(t))
	require.NotContains(t, dumb.bytes(), "\x1b", "a dumb terminal gets lines")
	require.Contains(t, dumb.bytes(), "Elapsed time")
}

// colour is a foreground colour in what goes to a terminal.
var colour = regexp.MustCompile(`\x1b\[([0-9;]*;)?3[0-7][;m]`)

// inOrder: text holds these pieces, one after the other.
func inOrder(t *testing.T, text string, pieces ...string) {
	t.Helper()
	rest := text
	for _, piece := range pieces {
		_, after, found := strings.Cut(rest, piece)
		require.True(t, found, "%q is missing, or not in its place, in:\n%s", piece, text)
		rest = after
	}
}
