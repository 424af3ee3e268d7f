package node

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	defaultPath     = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	defaultLanguage = "C.UTF-8"
)

// processAttributes makes a process the leader of a session, without a
// terminal that it could be stopped by, and kills it should the service die.
func processAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
}

// awaitExit returns when a child has ended, and leaves it to be reaped.
func awaitExit(pid int) {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if err != unix.EINTR {
			return
		}
	}
}

// exitStatus is what an ended child that is not reaped yet has ended with.
func exitStatus(pid int) syscall.WaitStatus {
	const killed = syscall.WaitStatus(syscall.SIGKILL) // a child whose end cannot be told has failed
	fields, err := statFields(pid)
	if err != nil || len(fields) < 50 {
		return killed
	}
	status, err := strconv.Atoi(fields[49])
	if err != nil {
		return killed
	}
	return syscall.WaitStatus(status)
}

func processes() []int {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1)
	pids := make([]int, 0, len(names))
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// bootID differs from one start of the operating system to the next: process
// ids and start times begin anew with each.
var bootID = sync.OnceValue(func() string {
	id, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(id))
})

// startTime names the moment a process started, without blanks.
func startTime(pid int) (string, error) {
	fields, err := statFields(pid)
	if err != nil {
		return "", err
	}
	return bootID() + ":" + fields[19], nil
}

// isRunning is false for a zombie: it holds its ids and does nothing.
func isRunning(pid int) bool {
	fields, err := statFields(pid)
	return err == nil && fields[0] != "Z" && fields[0] != "X"
}

// statFields gives the fields of /proc/PID/stat from the third, the state, on;
// the second is a name that may hold anything.
func statFields(pid int) ([]string, error) {
	stat, err := readProc("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return nil, err
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 20 {
		return nil, fmt.Errorf("/proc/%d/stat has too few fields", pid)
	}
	return fields, nil
}

// environmentOf gives a process's NAME=value entries as it started with them.
func environmentOf(pid int) []string {
	data, _ := readProc("/proc/" + strconv.Itoa(pid) + "/environ")
	return strings.Split(string(data), "\x00")
}

// readProc reads a file of /proc. It does without what os.ReadFile does for
// files that could block, which is most of that one's cost here.
func readProc(path string) ([]byte, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	data := make([]byte, 0, 4096)
	for {
		n, err := unix.Read(fd, data[len(data):cap(data)])
		switch {
		case err == unix.EINTR:
		case err != nil:
			return nil, err
		case n == 0:
			return data, nil
		default:
			data = slices.Grow(data[:len(data)+n], 1024)
		}
	}
}
