package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// groups are files of 64 bytes through cp, from directory to directory, fifty
// in each task, beside what one would do without any service but Blob: rclone
// up, xargs -P2 cp, rclone down.
func (b *bench) groups(ctx context.Context) (rows []row, err error) {
	n := b.size(10_000, 1000)
	inputs := filepath.Join(b.dir, "inputs")
	if err := writeFiles(inputs, n); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(inputs)) }()
	dir, err := os.MkdirTemp(b.dir, "stack-")
	if err != nil {
		return nil, err
	}
	s, err := start(ctx, b.bin, dir, false, b.log)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.stop(), os.RemoveAll(dir)) }()
	theirs, err := s.byHand(ctx, inputs, dir)
	if err != nil {
		return nil, err
	}
	host, err := os.Hostname()
	if err != nil {
		return nil, err
	}
	document := workload(map[string]any{"dir": inputs, "host": host}, map[string]any{
		"vmSize": "Standard_A1_v2", "dedicatedNodes": 2, "nodeAgentSku": "batch.node.ubuntu 24.04", "image": ownPool["image"],
	})
	outputs := filepath.Join(dir, "outputs")
	document["outputs"] = map[string]any{"dir": outputs}
	document["task"] = map[string]any{"command": "cp {{input}} {{output}}", "output": "{{stem}}.out", "files": 50}
	b.say("rclone, xargs cp, rclone took %.1f s", theirs)
	began := time.Now()
	if err := s.run(ctx, "groups", document); err != nil {
		return nil, err
	}
	r := row{What: "64 bytes through cp, 50 files a task, beside rclone, xargs cp, rclone", Files: n, Seconds: time.Since(began).Seconds(), Peer: theirs, Goal: "1.5"}
	r.Ratio = r.Seconds / r.Peer
	found, err := filepath.Glob(filepath.Join(outputs, "*", "*.out"))
	if err == nil && len(found) != n {
		err = fmt.Errorf("%d of %d outputs are there", len(found), n)
	}
	b.say("%s: %.1f s, %.1f s, %.2f", r.What, r.Seconds, r.Peer, r.Ratio)
	return []row{r}, err
}

// byHand is the peer.
func (s *stack) byHand(ctx context.Context, inputs, dir string) (seconds float64, err error) {
	if _, err := s.storage.Container("by-hand").Create(ctx, nil); err != nil {
		return 0, err
	}
	copied, down := filepath.Join(dir, "copied"), filepath.Join(dir, "down")
	if err := os.CopyFS(copied, os.DirFS(inputs)); err != nil { // for the directories alone
		return 0, err
	}
	environment := append(os.Environ(), "RCLONE_CONFIG_BENCH_TYPE=azureblob", "RCLONE_CONFIG_BENCH_CONNECTION_STRING="+s.connection, "RCLONE_CONFIG=")
	rclone := filepath.Join(s.bin, "rclone")
	began := time.Now()
	for _, args := range [][]string{
		{rclone, "copy", "--transfers", "16", inputs, "bench:by-hand"},
		{"/bin/sh", "-c", `cd "$1" && find . -type f -print0 | xargs -0 -P2 -I{} cp {} "$2/{}.out"`, "sh", inputs, copied},
		{rclone, "copy", "--transfers", "16", "bench:by-hand", down},
	} {
		cmd := exec.CommandContext(ctx, args[0], args[1:]...)
		cmd.Env = environment
		if said, err := cmd.CombinedOutput(); err != nil {
			return 0, fmt.Errorf("%s: %w\n%s", args[0], err, said)
		}
	}
	return time.Since(began).Seconds(), nil
}
