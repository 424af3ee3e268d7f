package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// keeper keeps one part running until it is stopped.
type keeper struct {
	part
	dir     string
	log     *slog.Logger
	backoff func(failures int) time.Duration

	unsettled chan error    // one error: the part ended before settle was called
	stopping  chan struct{} // closed when the part is to end
	done      chan struct{} // closed when its last process is gone

	mu      sync.Mutex
	process *os.Process // nil: none now
	ready   bool        // settle was called
	stopped bool        // stopping is closed
	logFrom int64       // where in the log the present process began
}

func newKeeper(p part, dir string, log *slog.Logger, backoff func(int) time.Duration) *keeper {
	return &keeper{
		part: p, dir: dir, log: log.With("part", p.name), backoff: backoff,
		unsettled: make(chan error, 1),
		stopping:  make(chan struct{}),
		done:      make(chan struct{}),
	}
}

// settle notes that the part answers: from now on it is started again when it
// ends. It reports false when there is no process, so that somebody else
// answered.
func (k *keeper) settle() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.ready = k.process != nil
	return k.ready
}

// keep runs the part until stop is called. A part that ends before it was
// ready is not started again: the reason will not go away by itself.
func (k *keeper) keep() {
	defer close(k.done)
	// Linux ends the child when the thread that forked it ends (Pdeathsig), so
	// one thread stays with the part for all of its lives.
	runtime.LockOSThread()
	for failures := 0; ; failures++ {
		born := time.Now()
		end := k.runOnce()
		k.mu.Lock()
		ready, stopped := k.ready, k.stopped
		k.mu.Unlock()
		if stopped {
			return
		}
		if !ready {
			k.unsettled <- end
			return
		}
		if time.Since(born) >= settled {
			failures = 0
		}
		wait := k.backoff(failures)
		k.log.Warn("ended, and is started again", "end", end, "after", time.Since(born).Round(time.Millisecond), "in", wait)
		select {
		case <-k.stopping:
			return
		case <-time.After(wait):
		}
	}
}

// runOnce starts the part and returns how it ended: never nil.
func (k *keeper) runOnce() error {
	logFile, err := os.OpenFile(k.file("log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer logFile.Close()
	cmd := exec.Command(k.path, k.args...)
	cmd.Env = k.env
	cmd.Stdout, cmd.Stderr = logFile, logFile
	cmd.SysProcAttr = ownGroup(k.orphaned)
	if err := k.spawn(cmd, logFile); err != nil {
		return err
	}
	end := cmd.Wait()
	k.mu.Lock()
	k.process = nil
	k.mu.Unlock()
	killGroup(cmd.Process.Pid)
	if end == nil {
		end = errors.New("exit status 0")
	}
	return end
}

// spawn starts cmd and tells of it in the part's files, unless the part is to
// end.
func (k *keeper) spawn(cmd *exec.Cmd, logFile *os.File) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.stopped {
		return errors.New("stopped before it was started")
	}
	info, err := logFile.Stat()
	if err != nil {
		return err
	}
	k.logFrom = info.Size()
	if err := cmd.Start(); err != nil {
		return err
	}
	if err := k.writePID(cmd.Process.Pid); err != nil {
		killGroup(cmd.Process.Pid)
		return errors.Join(err, cmd.Wait())
	}
	k.process = cmd.Process
	return nil
}

// stop asks the part to end and returns when it has: by itself within its
// grace, or killed with its process group after it or when ctx ends.
func (k *keeper) stop(ctx context.Context) {
	k.mu.Lock()
	k.stopped = true
	close(k.stopping)
	if k.process != nil {
		_ = k.process.Signal(syscall.SIGTERM) // it has just ended, if this fails
	}
	k.mu.Unlock()

	grace := time.NewTimer(k.grace)
	defer grace.Stop()
	select {
	case <-k.done:
	case <-ctx.Done():
		k.kill()
	case <-grace.C:
		k.log.Warn("did not end when asked to, and is killed", "grace", k.grace)
		k.kill()
	}
	<-k.done
	k.removePID()
}

// kill ends the present process and its group at once.
func (k *keeper) kill() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.process != nil {
		killGroup(k.process.Pid)
	}
}

// cannotStart says why the part is not there, and what it said itself.
func (k *keeper) cannotStart(why error) error {
	if errors.Is(why, fs.ErrNotExist) || errors.Is(why, exec.ErrNotFound) {
		return fmt.Errorf("%s cannot be started: %w; run make build", k.name, why)
	}
	k.mu.Lock()
	from := k.logFrom
	k.mu.Unlock()
	said := tail(k.file("log"), from)
	if said == "" {
		said = "    (nothing)\n"
	}
	return fmt.Errorf("%s cannot be started: %w; it said:\n%sthe whole log is %s", k.name, why, said, k.file("log"))
}

func (k *keeper) file(suffix string) string {
	return filepath.Join(k.dir, k.name+"."+suffix)
}

// writePID writes the process id for people and scripts, and beside it when the
// process began: together they name one process for good, see endOrphan.
func (k *keeper) writePID(pid int) error {
	began, err := processBegan(pid)
	if errors.Is(err, errNoProcess) {
		return nil // it has ended already, and Wait tells how
	}
	if err != nil {
		return err
	}
	if err := writeFile(k.file("began"), []byte(began+"\n")); err != nil {
		return err
	}
	return writeFile(k.file("pid"), []byte(strconv.Itoa(pid)+"\n"))
}

func (k *keeper) removePID() {
	os.Remove(k.file("pid"))
	os.Remove(k.file("began"))
}
