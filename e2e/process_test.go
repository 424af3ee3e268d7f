package e2e

import "os/exec"

// process is one that runs.
type process struct {
	pid     int
	command string
}

// child is a process that a test started.
type child struct {
	*exec.Cmd
	ended chan struct{} // closed when it has ended,
	err   error         // like this
}

// startChild starts cmd so that it does not outlive the tests, where the system
// can see to that.
func startChild(cmd *exec.Cmd) (*child, error) {
	c := &child{Cmd: cmd, ended: make(chan struct{})}
	started := make(chan error)
	go func() {
		tie(cmd)
		err := cmd.Start()
		started <- err
		if err == nil {
			c.err = cmd.Wait()
			close(c.ended)
		}
	}()
	return c, <-started
}
