package node

import (
	"context"
	"os"
)

// Coordination makes a Task an instance of a multi-instance task: the primary,
// whose CommandLine is run once all instances are coordinated, or a subtask,
// which has none.
type Coordination struct {
	// CommandLine is run in the working directory before the Task's own, on every
	// instance. What it leaves running, in its session or in one of its own, stays
	// until the instance has ended.
	CommandLine string
	// SharedDir is where ResourceFiles are put before that: the root directory of
	// the multi-instance task on the instance's node, absolute.
	SharedDir     string
	ResourceFiles []ResourceFile
	// OnStart is like onStart of [Machine.Run], for the coordination command.
	OnStart func(pgid int)
	// Await is called when the command has exited with 0. It returns when the
	// instance may go on: the primary with its own command, a subtask to its end.
	// An error ends either.
	Await func(ctx context.Context) error
}

// fetchCommon puts the common resource files into the shared directory.
func (m *Machine) fetchCommon(ctx context.Context, c *Coordination) error {
	if c == nil || len(c.ResourceFiles) == 0 {
		return nil
	}
	root, err := os.OpenRoot(c.SharedDir)
	if err != nil {
		return directoryFailure(err)
	}
	d := &directory{path: c.SharedDir, root: root}
	defer d.close()
	return m.fetch(ctx, d, c.ResourceFiles)
}

// coordinate runs the coordination command and, when all instances are
// coordinated, own, while what the command has started goes on.
func (m *Machine) coordinate(ctx context.Context, d *directory, t Task, out output, own func() (*int32, error)) (*int32, error) {
	command := t
	command.CommandLine = t.Coordination.CommandLine
	coordinated := false
	var ownCode *int32
	var ownErr error
	code, err := m.runCommand(ctx, d, command, out, t.Coordination.OnStart, func(code int32) {
		if code != 0 {
			return
		}
		coordinated = true
		if t.Coordination.Await(ctx) == nil {
			ownCode, ownErr = own()
		} else {
			ownErr = ended(ctx)
		}
	})
	if coordinated {
		return ownCode, ownErr
	}
	return code, err
}
