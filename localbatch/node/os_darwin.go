package node

import (
	"fmt"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	defaultPath     = "/opt/homebrew/bin:/opt/local/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
	defaultLanguage = "en_US.UTF-8"
)

// processAttributes makes a process the leader of a session. macOS cannot tie
// its life to the service's: [EndOrphan] finds it at the next start.
func processAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setsid: true}
}

// awaitExit returns when a child has ended, and leaves it to be reaped.
func awaitExit(pid int) {
	queue, err := unix.Kqueue()
	if err != nil {
		return
	}
	defer unix.Close(queue)
	unix.CloseOnExec(queue)
	var event unix.Kevent_t
	unix.SetKevent(&event, pid, unix.EVFILT_PROC, unix.EV_ADD|unix.EV_ONESHOT)
	event.Fflags = unix.NOTE_EXIT
	for {
		// ESRCH is said of a child that is a zombie already.
		_, err := unix.Kevent(queue, []unix.Kevent_t{event}, make([]unix.Kevent_t, 1), nil)
		if err != unix.EINTR {
			return
		}
	}
}

// exitStatus is what an ended child that is not reaped yet has ended with.
func exitStatus(pid int) syscall.WaitStatus {
	info, err := unix.SysctlKinfoProc("kern.proc.pid", pid)
	if err != nil {
		return syscall.WaitStatus(syscall.SIGKILL) // a child whose end cannot be told has failed
	}
	return syscall.WaitStatus(info.Proc.P_xstat)
}

func processes() []int {
	all, _ := unix.SysctlKinfoProcSlice("kern.proc.all")
	pids := make([]int, len(all))
	for i := range all {
		pids[i] = int(all[i].Proc.P_pid)
	}
	return pids
}

// startTime names the moment a process started, without blanks.
func startTime(pid int) (string, error) {
	info, err := unix.SysctlKinfoProc("kern.proc.pid", pid)
	if err != nil {
		return "", fmt.Errorf("process %d: %w", pid, err)
	}
	t := info.Proc.P_starttime
	return fmt.Sprintf("%d.%06d", t.Sec, t.Usec), nil
}

// isRunning is false for a zombie: it holds its ids and does nothing.
func isRunning(pid int) bool {
	const zombie = 5 // SZOMB of <sys/proc.h>
	info, err := unix.SysctlKinfoProc("kern.proc.pid", pid)
	return err == nil && info.Proc.P_stat != zombie
}

// environmentOf gives a process's NAME=value entries as it started with them,
// after its arguments.
func environmentOf(pid int) []string {
	data, _ := unix.SysctlRaw("kern.procargs2", pid)
	return strings.Split(string(data), "\x00")
}

// findsDaemons: the environment of a process is dear, and not always shown.
const findsDaemons = false

// descendants lists the processes that can descend from leader, which here are
// all.
func descendants(leader int, began time.Time) []int { return processes() }
