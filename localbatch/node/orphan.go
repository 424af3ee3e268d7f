package node

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
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
	dir := ""
	for _, entry := range environmentOf(pid) {
		if value, ok := strings.CutPrefix(entry, taskDirVariable+"="); ok {
			dir = value
		}
	}
	return start + " " + dir, nil
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
	members := orphans(pgid, identity)
	for round := 0; len(members) > 0; round++ {
		if round == 500 {
			return fmt.Errorf("end orphan: processes %v do not end although they were killed; end them by hand", members)
		}
		for _, pid := range members {
			if err := unix.Kill(pid, unix.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
				return fmt.Errorf("end orphan: kill process %d: %w", pid, err)
			}
		}
		// SIGKILL is not waited for by anyone: the parent is gone.
		time.Sleep(10 * time.Millisecond)
		members = orphans(pgid, identity)
	}
	return nil
}

// orphans lists the processes of the session that still run and are surely
// those of the recorded task.
func orphans(pgid int, identity string) []int {
	start, dir, _ := strings.Cut(identity, " ")
	switch now, err := startTime(pgid); {
	case err == nil && now == start:
		return slices.DeleteFunc(sessionMembers(pgid), func(pid int) bool { return !isRunning(pid) })
	case err == nil:
		// A process that got the id since proves that the session is extinct.
		return nil
	case !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ESRCH) && !errors.Is(err, syscall.EIO):
		return nil
	}
	if dir == "" {
		return nil
	}
	return slices.DeleteFunc(sessionMembers(pgid), func(pid int) bool {
		return !isRunning(pid) || !slices.Contains(environmentOf(pid), taskDirVariable+"="+dir)
	})
}
