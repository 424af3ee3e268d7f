package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	shellquote "github.com/kballard/go-shellquote"
	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/workload"
)

func commands(cmd *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{cmd}
	for _, child := range cmd.Commands() {
		all = append(all, commands(child)...)
	}
	return all
}

// TestExamplesRun: each verb has an example, and each line of it is a command
// line that starter takes.
func TestExamplesRun(t *testing.T) {
	t.Parallel()
	s := &starter{stdout: &bytes.Buffer{}, stderr: &bytes.Buffer{}}
	root := s.root()
	for _, cmd := range commands(root) {
		if cmd.HasSubCommands() || cmd.Name() == "help" {
			continue
		}
		require.NotEmpty(t, cmd.Example, "%s has no example", cmd.CommandPath())
		require.NotEmpty(t, cmd.Short, cmd.CommandPath())
		joined := strings.ReplaceAll(cmd.Example, "\\\n", "")
		for line := range strings.Lines(joined) {
			_, line, found := strings.Cut(line, "starter ")
			if !found {
				continue // of another program
			}
			line = strings.TrimRight(line, ") \n")
			if end := strings.IndexAny(line, "|>"); end >= 0 {
				line = line[:end]
			}
			args, err := shellquote.Split(line)
			require.NoError(t, err, line)
			fresh := s.root() // flags keep what was given before
			target, rest, err := fresh.Find(args)
			require.NoError(t, err, line)
			require.Equal(t, cmd.CommandPath(), target.CommandPath(), line)
			require.NoError(t, target.ParseFlags(rest), line)
			require.NoError(t, target.ValidateArgs(target.Flags().Args()), line)
			require.NoError(t, target.ValidateFlagGroups(), line)
		}
	}
}

// completed are the lines that a shell gets for what is typed.
func completed(t *testing.T, address string, typed ...string) string {
	t.Helper()
	run := invoke(t, address, nil, append([]string{"__complete"}, typed...)...)
	require.Equal(t, exitSucceeded, run.ends(t), run.stderr.String())
	return run.stdout.String()
}

func TestCompletion(t *testing.T) {
	t.Parallel()
	_, address := stageFor(t)
	id, release := play(t, scene{})
	run := invoke(t, address, nil, "run", "--yes", "--id", id, workloadFile(t))
	run.says(t, "Monitoring all tasks")
	require.Eventually(t, func() bool {
		return strings.HasPrefix(completed(t, address, "status", id[:3]), id+"\tRunning since ")
	}, 30*time.Second, 50*time.Millisecond)
	require.Contains(t, completed(t, address, "cancel", ""), id)
	require.NotContains(t, completed(t, address, "status", "no-such-"), id)
	require.NotContains(t, completed(t, address, "status", id, ""), id, "it takes one")
	release()
	require.Equal(t, exitSucceeded, run.ends(t), run.stderr.String())
	require.Eventually(t, func() bool { return !strings.Contains(completed(t, address, "cancel", ""), id) }, 30*time.Second, 50*time.Millisecond)

	require.Equal(t, ":4\n", completed(t, "127.0.0.1:1", "status", ""), "without Temporal there are none")
	require.Equal(t, "yaml\nyml\njson\n:8\n", completed(t, address, "run", ""))
	require.Contains(t, completed(t, address, "wa"), "watch\tFollow a run")
	for _, shell := range []string{"bash", "zsh", "fish"} {
		script := invoke(t, address, nil, "completion", shell)
		require.Equal(t, exitSucceeded, script.ends(t))
		require.Contains(t, script.stdout.String(), "starter")
	}
}

func TestNearest(t *testing.T) {
	t.Parallel()
	near := workload.NewNearest("jsno")
	require.Empty(t, near.Best())
	near.Add("limit")
	near.Add("json")
	require.Equal(t, "json", near.Best())
}
