package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// files is how many there are to convert, as in the tutorial.
const files = 5

// The command of the workload and of xargs, but for how each names the files.
const ffmpeg = "ffmpeg -nostdin -loglevel error -y -i "

const document = `name: bench
inputs: {dir: InputFiles}
pool:
  vmSize: Standard_A1_v2
  image: {publisher: canonical, offer: ubuntu-24_04-lts, sku: server, version: latest}
  nodeAgentSku: batch.node.ubuntu 24.04
  spotNodes: 5
task: {command: "` + ffmpeg + `{{input}} {{output}}", output: "{{stem}}.mp3"}
outputs: {dir: OutputFiles}
`

// bench is where the inputs and programs are.
type bench struct {
	bin, dir string
	inputs   []string // paths
	bytes    int64
}

// prepare makes the inputs: the sample videos, or copies of media.
func (b *bench) prepare(media string) error {
	sources := []string{media, media, media, media, media}
	if media == "" {
		var err error
		sources, err = filepath.Glob(filepath.Join("examples", "ffmpeg", "InputFiles", "*.mp4"))
		if err != nil {
			return err
		}
		if len(sources) != files {
			return errors.New("the sample videos are not there; start it as make bench does, from the top of the repository")
		}
	}
	inputs := filepath.Join(b.dir, "InputFiles")
	if err := os.Mkdir(inputs, 0o755); err != nil {
		return err
	}
	for n, source := range sources {
		content, err := os.ReadFile(source)
		if err != nil {
			return err
		}
		path := filepath.Join(inputs, fmt.Sprintf("clip-%d.mp4", n+1))
		if err := os.WriteFile(path, content, 0o644); err != nil {
			return err
		}
		b.inputs, b.bytes = append(b.inputs, path), b.bytes+int64(len(content))
	}
	return os.WriteFile(filepath.Join(b.dir, "workload.yaml"), []byte(document), 0o644)
}

// measure takes every time once, on a stack of its own.
func (b *bench) measure(ctx context.Context, n int, into *answer) (err error) {
	theirs, err := b.xargs(ctx)
	if err != nil {
		return err
	}
	into.Theirs.add(theirs)
	data := filepath.Join(b.dir, fmt.Sprintf("stack-%d", n))
	ready, stop, err := b.up(ctx, data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop(), os.RemoveAll(data)) }()
	into.Ready.add(ready)
	ours, err := b.starter(ctx, data)
	if err != nil {
		return err
	}
	into.Ours.add(ours)
	return nil
}

// xargs converts the files two at a time, with nothing around it.
func (b *bench) xargs(ctx context.Context) (seconds float64, err error) {
	outputs, err := os.MkdirTemp(b.dir, "xargs-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(outputs)
	cmd := exec.CommandContext(ctx, "xargs", "-0", "-n", "1", "-P", "2", "/bin/bash", "-c",
		ffmpeg+`"$1" "$0/$(basename "$1" .mp4).mp3"`, outputs)
	cmd.Stdin = strings.NewReader(strings.Join(b.inputs, "\x00"))
	began := time.Now()
	if out, err := cmd.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("xargs: %w\n%s", err, out)
	}
	return time.Since(began).Seconds(), nil
}

// up starts a stack and returns how long it took to be ready. stop ends it.
func (b *bench) up(ctx context.Context, data string) (seconds float64, stop func() error, err error) {
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, filepath.Join(b.bin, "local"), "up", "--data", data)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 30 * time.Second
	cmd.Stderr = &said
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return 0, nil, err
	}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, nil, fmt.Errorf("%w; make build makes it", err)
	}
	line, _ := bufio.NewReader(stdout).ReadString('\n')
	seconds = time.Since(began).Seconds()
	stop = func() error {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			return fmt.Errorf("local up had ended: %w", err)
		}
		_, _ = io.Copy(io.Discard, stdout)
		return cmd.Wait()
	}
	if line != "ready\n" {
		return 0, nil, fmt.Errorf("local up did not get ready: %w\n%s", stop(), &said)
	}
	return seconds, stop, nil
}

// starter runs the workload and returns how long it took until the last output
// was on disk. What comes after, the cleanup, is awaited but not counted.
func (b *bench) starter(ctx context.Context, data string) (seconds float64, err error) {
	outputs := filepath.Join(b.dir, "OutputFiles")
	if err := os.RemoveAll(outputs); err != nil {
		return 0, err
	}
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c",
		`. "$1/env" && exec "$2" run --yes "$3"`, "sh", data, filepath.Join(b.bin, "starter"), filepath.Join(b.dir, "workload.yaml"))
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for {
		select {
		case err := <-ended:
			if seconds == 0 {
				return 0, fmt.Errorf("starter ended without all outputs: %w\n%s", err, &said)
			}
			return seconds, err
		case <-look.C:
			if found, err := filepath.Glob(filepath.Join(outputs, "*.mp3")); err == nil && len(found) == files && seconds == 0 {
				seconds = time.Since(began).Seconds()
			}
		}
	}
}
