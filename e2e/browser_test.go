package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// browse runs a script of tools/browser, which drives Chromium, to its end.
func browse(t *testing.T, script string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "node", append([]string{script}, args...)...)
	cmd.Dir = filepath.Join(root, "tools", "browser")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	t.Log(strings.TrimSpace(string(out)))
}

// TestReportInABrowser: the report of 100,000 files opens at once, light and
// dark, without the network, with the keyboard and on a narrow screen.
func TestReportInABrowser(t *testing.T) {
	t.Parallel()
	sample := filepath.Join(t.TempDir(), "report.html")
	write := exec.CommandContext(t.Context(), "go", "test", "-count=1", "-run", "^TestSample$", "./report")
	write.Dir = root
	write.Env = append(os.Environ(), "REPORT_SAMPLE="+sample)
	out, err := write.CombinedOutput()
	require.NoError(t, err, "%s", out)
	browse(t, "report.mjs", sample)
}

// TestPageInABrowser follows a run on the page of what runs. The stack is its
// own: what others leave behind would be an error in the browser's console.
func TestPageInABrowser(t *testing.T) {
	t.Parallel()
	s := ownStack(t)
	dir := t.TempDir()
	for n := range 6 {
		writeInput(t, dir, numbered(n), []byte("x"))
	}
	gate, last := filepath.Join(dir, "gate"), filepath.Join(dir, "last")
	command := fmt.Sprintf(`echo first line; while ! [ -e '%s' ]; do sleep 0.2; done; echo second line
    case {{input}} in
    *%s) echo broken input >&2; exit 3;;
    *%s) while ! [ -e '%s' ]; do sleep 0.2; done;;
    esac
    cp {{input}} {{output}}`, gate, numbered(2), numbered(5), last)
	file := writeWorkload(t, dir, `inputs: {dir: InputFiles, match: ["*.txt"]}
pool: {vmSize: Standard_A1_v2, image: {publisher: canonical, offer: ubuntu-24_04-lts, sku: server, version: latest}, nodeAgentSku: batch.node.ubuntu 24.04, spotNodes: 3}
task:
  command: |
    `+command+`
  output: "{{stem}}.out"
timeout: 10m
cleanup: {when: always}`)
	id := newID(t)
	s.start(t, id, file)
	browse(t, "page.mjs", s.env["DURABATCH_PAGE"], s.resources(t, id).Job, gate)
	require.NoError(t, os.WriteFile(last, nil, 0o600))
	require.Equal(t, int64(1), s.reportOf(t, id, exitFailed).Counts.Failed)
}
