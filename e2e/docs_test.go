package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Every command in the documentation is run. A block that is fenced as sh is
// run as it stands, in a shell of its own and after the blocks before it on its
// page, in a directory that looks like a clone of this repository, with a stack
// up and its environment set:
//
//   - the file that a block is called after (yaml FILE) is there; any other
//     workload that is named is a small one;
//   - ID is a run that waits for its approval, a new one for each block;
//   - "bin/local up &" is the stack that is up already; "bin/local run" has its
//     data beside it, and codec serve takes a port that is free.
//
// A word after sh says that the block needs what a test cannot have, or does
// not end by itself; see blockKinds. Such a block is checked as far as it can be.

// block is a fenced block of a page.
type block struct {
	page string // relative to the repository
	line int    // of its fence
	info string // what the fence says: language, and what follows it
	text string
}

func (b block) String() string { return fmt.Sprintf("%s:%d", b.page, b.line) }

// kind is what its fence says of a block of commands: "" is one to run.
func (b block) kind() (kind string, commands bool) {
	language, rest, _ := strings.Cut(b.info, " ")
	return rest, language == "sh"
}

// documentation is every page that people are sent to, with its text.
func documentation(t *testing.T) map[string]string {
	t.Helper()
	pages := map[string]string{}
	for _, pattern := range []string{"*.md", "docs/*.md", "examples/*/*.md"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		require.NoError(t, err)
		for _, path := range found {
			name, err := filepath.Rel(root, path)
			require.NoError(t, err)
			pages[filepath.ToSlash(name)] = string(readFile(t, path))
		}
	}
	delete(pages, "CHANGELOG.md") // what was, not what is
	require.Greater(t, len(pages), 10)
	return pages
}

func blocksOf(page, text string) []block {
	var blocks []block
	var open *block
	for n, line := range strings.Split(text, "\n") {
		fence, isFence := strings.CutPrefix(strings.TrimSpace(line), "```")
		switch {
		case open == nil && isFence:
			open = &block{page: page, line: n + 1, info: strings.TrimSpace(fence)}
		case open != nil && isFence:
			blocks = append(blocks, *open)
			open = nil
		case open != nil:
			open.text += line + "\n"
		}
	}
	return blocks
}

func TestDocs(t *testing.T) {
	t.Parallel()
	s := ownStack(t)
	for page, text := range documentation(t) {
		blocks := blocksOf(page, text)
		t.Run(page, func(t *testing.T) {
			t.Parallel()
			runPage(t, s, blocks)
		})
	}
}

// runPage runs the blocks of one page, one after the other, and before them
// those that serve until they are stopped.
func runPage(t *testing.T, s *stack, blocks []block) {
	dir := cloneFor(t, s, blocks)
	var script strings.Builder
	script.WriteString("set -euo pipefail\ntrap 'echo \"ended at $block\" >&2' ERR\n. .local/env\n")
	count := 0
	for _, b := range blocks {
		kind, commands := b.kind()
		if !commands {
			continue
		}
		switch kind {
		case "":
			text := filledIn(t, s, dir, b)
			fmt.Fprintf(&script, "block=%s\n(\n%s)\n", b, text)
			count++
		case "server":
			serve(t, s, dir, filledIn(t, s, dir, b), b)
		}
	}
	if count == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(t.Context(), runBound)
	defer cancel()
	out, err := shell(ctx, s, dir, script.String()).CombinedOutput()
	require.NoError(t, err, "%s", out)
}

// cloneFor is a directory with what a page finds in a clone, and its own files.
func cloneFor(t *testing.T, s *stack, blocks []block) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.Symlink(bin, filepath.Join(dir, "bin")))
	require.NoError(t, os.Symlink(s.dir, filepath.Join(dir, ".local")))
	for _, name := range []string{"docs", "examples"} {
		require.NoError(t, os.CopyFS(filepath.Join(dir, name), os.DirFS(filepath.Join(root, name))))
	}
	for _, b := range blocks {
		language, name, named := strings.Cut(b.info, " ")
		if named && language != "sh" {
			require.True(t, filepath.IsLocal(name), "%s: what follows the language is the name of the file", b)
			require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(b.text), 0o644))
		}
	}
	return dir
}

var (
	runID        = regexp.MustCompile(`\bID\b`)
	localUp      = regexp.MustCompile(`(?m)^bin/local up &.*$`)
	workloadFile = regexp.MustCompile(`(?m)(?:^|\s)(?:validate|run|start|render|create|plan) (?:--\S+ )*([\w-]+\.yaml)\b`)
)

// filledIn is a block with what its words stand for.
func filledIn(t *testing.T, s *stack, dir string, b block) string {
	t.Helper()
	text := localUp.ReplaceAllString(b.text, "true")
	text = strings.ReplaceAll(text, "bin/local run ", "bin/local run --data own ")
	text = strings.ReplaceAll(text, "codec serve ", "codec serve --listen 127.0.0.1:0 ")
	for _, found := range workloadFile.FindAllStringSubmatch(text, -1) {
		if _, err := os.Stat(filepath.Join(dir, found[1])); err != nil {
			smallWorkload(t, dir, found[1], "always")
		}
	}
	if runID.MatchString(text) {
		id := newID(t)
		s.start(t, id, smallWorkload(t, t.TempDir(), "waits.yaml", "approval"))
		s.untilApproval(t, id)
		text = runID.ReplaceAllString(text, id)
	}
	return text
}

func smallWorkload(t *testing.T, dir, name, cleanup string) string {
	t.Helper()
	writeNumbered(t, dir, 2)
	written := writeWorkload(t, dir, "inputs: {dir: InputFiles}", poolOf(2),
		`task: {command: "cp {{input}} {{output}}", output: "{{stem}}.out"}`, "cleanup: {when: "+cleanup+"}")
	file := filepath.Join(dir, name)
	require.NoError(t, os.Rename(written, file))
	return file
}

// shell is a bash that runs script with the stack's environment, and whose
// processes form a group of their own.
func shell(ctx context.Context, s *stack, dir, script string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "bash", "-c", script)
	cmd.Dir, cmd.Env = dir, append(localEnviron(), s.environ()...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = stopBound
	return cmd
}

// serve has what runs until it is stopped say something, and stop when told to.
func serve(t *testing.T, s *stack, dir, text string, b block) {
	t.Helper()
	cmd := shell(t.Context(), s, dir, text)
	said := newOutput()
	cmd.Stdout, cmd.Stderr = said, said
	server, err := startChild(cmd)
	require.NoError(t, err)
	select {
	case <-said.line:
	case <-server.ended:
		require.Fail(t, "it does not serve", "%s: %v\n%s", b, server.err, said)
	case <-time.After(startBound):
		require.Fail(t, "it says nothing", b)
	}
	require.NoError(t, syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM))
	<-server.ended
	require.NotContains(t, said.String(), "panic", b)
	require.Contains(t, []int{0, -1, 128 + int(syscall.SIGTERM)}, cmd.ProcessState.ExitCode(), "%s:\n%s", b, said)
}

// TestDocsShape: what cannot be run is of a known kind and names what there is:
// verbs and flags of our programs and of Temporal's, targets of the Makefile,
// the commands of Azure's CLI, the services of the compose file.
func TestDocsShape(t *testing.T) {
	t.Parallel()
	check := newCommandShapes(t)
	for page, text := range documentation(t) {
		t.Run(page, func(t *testing.T) {
			t.Parallel()
			for _, b := range blocksOf(page, text) {
				check.block(t, b)
			}
			check.prose(t, page, text)
		})
	}
}

// TestDocsLinks: every link between the pages leads somewhere, heading and all.
func TestDocsLinks(t *testing.T) {
	t.Parallel()
	pages := documentation(t)
	headings := map[string][]string{}
	for page, text := range pages {
		for _, found := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(text, -1) {
			headings[page] = append(headings[page], anchor(found[1]))
		}
	}
	for page, text := range pages {
		for _, found := range regexp.MustCompile(`\]\(([^)\s]+)\)`).FindAllStringSubmatch(text, -1) {
			target, fragment, _ := strings.Cut(found[1], "#")
			if strings.Contains(target, "://") {
				continue
			}
			to := page
			if target != "" {
				to = filepath.ToSlash(filepath.Join(filepath.Dir(page), target))
				_, err := os.Stat(filepath.Join(root, to))
				require.NoError(t, err, "%s: %s", page, found[1])
			}
			if fragment != "" && strings.HasSuffix(to, ".md") {
				require.True(t, slices.Contains(headings[to], fragment), "%s: %s: no such heading in %s", page, found[1], to)
			}
		}
	}
}

var notInAnchor = regexp.MustCompile(`[^\p{L}\p{N}_ -]+`)

// anchor is the fragment that leads to a heading, as code forges make it.
func anchor(heading string) string {
	return strings.ReplaceAll(notInAnchor.ReplaceAllString(strings.ToLower(heading), ""), " ", "-")
}

// TestDocsIndex: the index by task leads to every page.
func TestDocsIndex(t *testing.T) {
	t.Parallel()
	pages := documentation(t)
	for page := range pages {
		if name, ok := strings.CutPrefix(page, "docs/"); ok && name != "README.md" {
			require.Contains(t, pages["docs/README.md"], "("+name, "docs/README.md does not lead to %s", name)
		}
	}
}

// TestDocsVerbs: docs/starter.md has every verb that starter has.
func TestDocsVerbs(t *testing.T) {
	t.Parallel()
	out, err := exec.Command(filepath.Join(bin, "starter"), "--help").Output()
	require.NoError(t, err)
	_, list, found := strings.Cut(string(out), "Available Commands:\n")
	require.True(t, found)
	list, _, _ = strings.Cut(list, "\n\n")
	page := string(readFile(t, filepath.Join(root, "docs", "starter.md")))
	for line := range strings.Lines(list) {
		if verb := strings.Fields(line)[0]; verb != "help" {
			require.Regexp(t, "(?m)^\\|.*`"+verb+"\\b", page, "docs/starter.md does not have the verb %s", verb)
		}
	}
}
