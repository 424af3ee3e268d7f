package node

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// ProcessIdentity tells the process pid from every later one of the same id:
// when it started, and which task's directory its environment names. Store it
// with the process group's id that Run's onStart got.
func ProcessIdentity(pid int) (string, error) {
	start, err := startTime(pid)
	if err != nil {
		return "", fmt.Errorf("identify process %d: %w", pid, err)
	}
	return start + " " + taskDirOf(pid), nil
}

// EndOrphan kills what is left of the process group pgid and its session, as
// recorded with its ProcessIdentity by a service that has died since. It waits
// until they are gone and is nil if nothing was left.
//
// Where the first process of the group is gone, those that it started are
// known by the task's directory in their environment. One that has cleared its
// environment is left alone: better an orphan than somebody else's process.
func EndOrphan(pgid int, identity string) error {
	if pgid <= 1 {
		return fmt.Errorf("end orphan: %d is no process group of a task", pgid)
	}
	return endAll(func() []int { return orphans(pgid, identity) })
}

// EndOrphansBelow kills every process whose task's directory is dir or below
// it, and waits until they are gone. It finds what EndOrphan cannot: the
// processes of a task that the dead service had no time to record, and those
// that left the task's session. Nothing else may be running tasks below dir.
func EndOrphansBelow(dir string) error {
	if !filepath.IsAbs(dir) || filepath.Clean(dir) == "/" {
		return fmt.Errorf("end orphans: %q is no directory of a service", dir)
	}
	prefix := filepath.Clean(dir) + "/"
	return endAll(func() []int {
		return running(processes(), func(pid int) bool {
			return strings.HasPrefix(filepath.Clean(taskDirOf(pid))+"/", prefix)
		})
	})
}

// endAll kills what list finds until it finds nothing. Nobody here can wait
// for the processes themselves, whose parent is gone: it looks again instead.
func endAll(list func() []int) error {
	deadline := time.After(10 * time.Second)
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for members := list(); len(members) > 0; members = list() {
		for _, pid := range members {
			if err := unix.Kill(pid, unix.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
				return fmt.Errorf("end orphans: kill process %d: %w", pid, err)
			}
		}
		select {
		case <-again.C:
		case <-deadline:
			return fmt.Errorf("end orphans: processes %v do not end although they were killed; end them by hand", members)
		}
	}
	return nil
}

// orphans lists the processes of the session that are surely those of the
// recorded task.
func orphans(pgid int, identity string) []int {
	start, dir, _ := strings.Cut(identity, " ")
	now, err := startTime(pgid)
	switch {
	case err == nil && now == start:
		return running(sessionMembers(pgid), func(int) bool { return true })
	case err == nil, !isGone(err), dir == "":
		// A process that got the id since proves that the session is extinct.
		return nil
	}
	return running(sessionMembers(pgid), func(pid int) bool { return taskDirOf(pid) == dir })
}

// isGone tells "no such process" from other errors of startTime. macOS says
// EIO.
func isGone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) || errors.Is(err, syscall.EIO)
}

func running(pids []int, isWanted func(pid int) bool) []int {
	var wanted []int
	for _, pid := range pids {
		if isWanted(pid) && isRunning(pid) {
			wanted = append(wanted, pid)
		}
	}
	return wanted
}

// taskDirOf is the task's directory that a process was started with, or "".
func taskDirOf(pid int) string {
	for _, entry := range environmentOf(pid) {
		if dir, ok := strings.CutPrefix(entry, taskDirVariable+"="); ok {
			return dir
		}
	}
	return ""
}
