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

// tie has the kernel end a child that this goroutine is about to start, should
// the tests be killed. The tie is to the thread that starts it, which stays with
// the goroutine.
func tie(cmd *exec.Cmd) {
	runtime.LockOSThread()
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGTERM
}
