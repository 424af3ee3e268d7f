package e2e

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestLogs: what a file's task wrote, while it runs and afterwards, found by
// its name or a part of it.
func TestLogs(t *testing.T) {
	t.Parallel()
	s := shared(t)
	dir := t.TempDir()
	gate := filepath.Join(dir, "gate")
	for _, name := range []string{"a/one.txt", "b/one.txt", "b/two.txt", "bad.txt"} {
		writeInput(t, dir, name, []byte(name))
	}
	file := writeWorkload(t, dir, "inputs: {dir: InputFiles}",
		fmt.Sprintf("pool: {vmSize: Standard_A1_v2, %s, spotNodes: 1, taskSlots: 4}", image), fmt.Sprintf(`
task:
  command: |
    echo out {{name}}; echo err {{name}} >&2
    case {{stem}} in bad) exit 3;; esac
    while ! [ -e '%s' ]; do sleep 0.2; done
    cp {{input}} {{output}}; printf 'raw\033[0m' >&2
  output: "{{stem}}.out"`, gate))
	id := newID(t)
	run := s.begin(t, "run", "--yes", "--json", "--id", id, file)
	s.tellIfFailed(t, id)

	logs := func(args ...string) result { return s.starter(t, append([]string{"logs", id}, args...)...) }
	until(t, 90*time.Second, "a task that runs has logs on its node", func() bool {
		return logs("two.txt").stdout == "==> b/two.txt, task-00000002, stdout\nout two.txt\n==> b/two.txt, task-00000002, stderr\nerr two.txt\n"
	})
	require.Contains(t, logs().stderr, "not gathered yet")
	var answer struct{ Name, TaskID, Stdout, Stderr, From string }
	require.NoError(t, json.Unmarshal([]byte(logs("--json", "b/two.txt").stdout), &answer))
	require.Equal(t, "node", answer.From)

	open(t, gate)
	require.Equal(t, exitFailed, run.wait(t).code)
	require.Equal(t, "err two.txt\nraw\x1b[0m", logs("--stderr", "task-00000002").stdout, "byte for byte where there is no terminal")
	require.Equal(t, "out bad.txt\n", logs("--stdout", "bad.txt").stdout)
	require.NoError(t, json.Unmarshal([]byte(logs("--json", "b/one.txt").stdout), &answer))
	require.Equal(t, "blob", answer.From)
	require.Equal(t, "out one.txt\n", answer.Stdout)
	failed := logs()
	require.Equal(t, exitSucceeded, failed.code, failed.stderr)
	require.Contains(t, failed.stdout, "bad.txt (task-00000003, exit code 3")
	require.Contains(t, failed.stdout, "    | err bad.txt\n")

	ambiguous := logs("one.txt")
	require.Equal(t, exitUsage, ambiguous.code)
	require.Contains(t, ambiguous.stderr, "one.txt may be one of several files; name one of them in full: a/one.txt, b/one.txt")
	unknown := logs("tow.txt")
	require.Equal(t, exitUsage, unknown.code)
	require.Contains(t, unknown.stderr, "the run has no file tow.txt. Did you mean two.txt?")

	seen := s.onTerminal(t, 80, 24, nil, "logs", "--stderr", id, "two.txt")
	require.Equal(t, exitSucceeded, seen.code(t))
	require.Contains(t, seen.bytes(), `raw\x1b[0m`, "on a terminal it cannot act")
}
