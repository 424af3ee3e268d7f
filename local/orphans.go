package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// orphanGrace is how long a process that a killed stack left behind may take
// to end when asked to.
const orphanGrace = 10 * time.Second

// endOrphans ends the processes that a stack on dir left behind when it was
// killed, in the order of names. The caller holds the lock of dir, so none of
// them can belong to a stack that lives.
func endOrphans(ctx context.Context, dir string, names []string, log *slog.Logger) error {
	for _, name := range names {
		if err := endOrphan(ctx, dir, name, log); err != nil {
			return err
		}
	}
	return nil
}

// endOrphan ends the process that name's files speak of, if it is still the
// one that was started then: process ids are used again.
func endOrphan(ctx context.Context, dir, name string, log *slog.Logger) error {
	pidFile, beganFile := filepath.Join(dir, name+".pid"), filepath.Join(dir, name+".began")
	pid, began, err := readPID(pidFile, beganFile)
	if err != nil {
		return err
	}
	if pid != 0 {
		if err := endProcess(ctx, name, pid, began, log); err != nil {
			return err
		}
	}
	return errors.Join(removeFile(pidFile), removeFile(beganFile))
}

// readPID returns 0 when there is no such record, or only half of one.
func readPID(pidFile, beganFile string) (pid int, began string, err error) {
	text, err := os.ReadFile(pidFile)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, "", nil
	}
	if err != nil {
		return 0, "", err
	}
	mark, err := os.ReadFile(beganFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, "", err
	}
	pid, err = strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || pid <= 1 {
		return 0, "", nil
	}
	return pid, strings.TrimSpace(string(mark)), nil
}

func endProcess(ctx context.Context, name string, pid int, began string, log *slog.Logger) error {
	alive := func() bool {
		now, err := processBegan(pid)
		return err == nil && now == began
	}
	if !alive() {
		return nil
	}
	log.Info("ending a process that an earlier stack left behind", "part", name, "pid", pid)
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("%s of an earlier stack still runs as process %d and cannot be ended: %w", name, pid, err)
	}
	again := time.NewTicker(probeInterval)
	defer again.Stop()
	grace := time.NewTimer(orphanGrace)
	defer grace.Stop()
	for alive() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-grace.C:
			killGroup(pid)
		case <-again.C:
		}
	}
	killGroup(pid)
	return nil
}

// removeFile removes a file that may not be there.
func removeFile(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
