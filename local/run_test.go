package main

import (
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTakeData(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		args []string
		data string
		rest []string
	}{
		{[]string{"file.yaml"}, ".local", []string{"file.yaml"}},
		{[]string{"--yes", "file.yaml"}, ".local", []string{"--yes", "file.yaml"}},
		{[]string{"--data", "d", "--yes", "file.yaml"}, "d", []string{"--yes", "file.yaml"}},
		{[]string{"file.yaml", "--data=d", "--json"}, "d", []string{"file.yaml", "--json"}},
		{[]string{"--", "--data", "d"}, ".local", []string{"--", "--data", "d"}},
	} {
		data, rest, err := takeData(test.args)
		require.NoError(t, err)
		require.Equal(t, test.data, data, test.args)
		require.Equal(t, test.rest, rest, test.args)
	}
	for _, args := range [][]string{{"file.yaml", "--data"}, {"--data=", "file.yaml"}, {"--data", "", "file.yaml"}} {
		_, _, err := takeData(args)
		require.Equal(t, 2, exitCode(err), args)
	}
}

func TestFollowReturnsTheExitCode(t *testing.T) {
	t.Parallel()
	for script, code := range map[string]int{"exit 0": 0, "exit 4": 4, "kill -TERM $$": 143} {
		err := follow(t.Context(), exec.Command("/bin/sh", "-c", script), deadline, deadline)
		require.Equal(t, code, exitCode(err), script)
	}
	require.ErrorContains(t, follow(t.Context(), exec.Command("/nothing"), deadline, deadline), "run make build")
}

func TestFollowEndsWhatItFollows(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, script string
		code         int
	}{
		{"interrupted", "trap 'exit 7' INT; touch up; while :; do sleep 0.01; done", 7},
		{"killed", "trap '' INT; touch up; while :; do sleep 0.01; done", 137},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			cmd := exec.Command("/bin/sh", "-c", test.script)
			cmd.Dir = t.TempDir()
			go func() {
				for {
					if _, err := os.Stat(filepath.Join(cmd.Dir, "up")); err == nil {
						cancel()
						return
					}
				}
			}()
			began := time.Now()
			require.Equal(t, test.code, exitCode(follow(ctx, cmd, time.Millisecond, time.Second)))
			require.Less(t, time.Since(began), deadline)
		})
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"run"}, {"up", "--nothing"}, {"up", "file"}, {"nothing"}, {"batch", "file"}} {
		err := run(t.Context(), args, nil, nil, io.Discard, io.Discard)
		require.Error(t, err, args)
		require.Equal(t, 2, exitCode(err), "%s: %s", args, err)
	}
	for _, args := range [][]string{{}, {"--help"}, {"run", "--help"}, {"up", "--help"}, {"batch", "-h"}} {
		require.NoError(t, run(t.Context(), args, nil, nil, io.Discard, io.Discard), args)
	}
}
