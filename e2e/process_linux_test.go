package e2e

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
)

// process is one that runs.
type process struct {
	pid     int
	command string
}

// processesWith finds the processes that have text in their command line,
// their environment, or the name of their working directory. Zombies have
// neither.
func processesWith(text string) ([]process, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var found []process
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		dir := filepath.Join("/proc", entry.Name())
		command, _ := os.ReadFile(filepath.Join(dir, "cmdline"))
		environ, _ := os.ReadFile(filepath.Join(dir, "environ"))
		cwd, _ := os.Readlink(filepath.Join(dir, "cwd"))
		if bytes.Contains(command, []byte(text)) || bytes.Contains(environ, []byte(text)) || strings.Contains(cwd, text) {
			found = append(found, process{pid, string(bytes.ReplaceAll(command, []byte{0}, []byte(" ")))})
		}
	}
	return found, nil
}

// startTied starts cmd so that it is told to end should this test be killed,
// and returns where its end will be told. The kernel ties a child to the thread
// that started it, so one thread stays.
func startTied(cmd *exec.Cmd) (<-chan error, error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	started, ended := make(chan error, 1), make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			ended <- cmd.Wait()
		}
	}()
	return ended, <-started
}
