package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// execute runs the task's process to its end. The exit code is nil if there
// was no process.
func (m *Machine) execute(ctx context.Context, d *directory, t Task, onStart func(pgid int)) (*int32, error) {
	stdout, err := d.create(stdoutFile)
	if err != nil {
		return nil, directoryFailure(err)
	}
	defer stdout.Close()
	stderr, err := d.create(stderrFile)
	if err != nil {
		return nil, directoryFailure(err)
	}
	defer stderr.Close()

	if err := m.checkRights(t, stderr); err != nil {
		return nil, err
	}
	if t.Container != nil {
		if t.Coordination != nil {
			return nil, failure(ContainerMiscError, "Multi-instance tasks do not run in containers here")
		}
		return m.runContainer(ctx, d, t, output{stdout, stderr}, onStart)
	}
	own := func() (*int32, error) {
		return m.runCommand(ctx, d, t, output{stdout, stderr}, onStart, nil)
	}
	switch {
	case t.Coordination == nil:
		return own()
	case t.CommandLine == "":
		own = func() (*int32, error) { return new(int32), nil }
	}
	return m.coordinate(ctx, d, t, output{stdout, stderr}, own)
}

// output is where a task's processes write.
type output struct{ stdout, stderr *os.File }

// runCommand runs t's command line. beside, if not nil, is called with the exit
// code, while what the process has left behind goes on.
func (m *Machine) runCommand(ctx context.Context, d *directory, t Task, out output, onStart func(pgid int), beside func(code int32)) (*int32, error) {
	as, err := m.taskUser(d, t, out)
	if err != nil {
		return nil, err
	}
	cmd, err := m.command(d, t)
	if err != nil {
		return nil, err
	}
	cmd.Stdout, cmd.Stderr = out.stdout, out.stderr
	if as != nil {
		cmd.SysProcAttr.Credential = as.ids
	}

	state, killed, err := runProcess(ctx, cmd, t, onStart, beside)
	if err != nil {
		return nil, firstOf(userFailure(as, cmd.Dir, err), startFailure(cmd.Args[0], err))
	}
	code := exitCode(state.Sys().(syscall.WaitStatus))
	switch {
	case killed && code != 0:
		return &code, ended(ctx)
	case code != 0:
		return &code, m.exitFailure(t)
	}
	return &code, nil
}

// taskUser is the user that t's process runs as, to whom t's directory then
// belongs; nil: the service's own.
func (m *Machine) taskUser(d *directory, t Task, out output) (*account, error) {
	as, err := m.accountOf(t)
	if err == nil && as != nil {
		err = d.giveTo(as, t.Base)
	}
	if err != nil {
		fmt.Fprintln(out.stderr, asFailure(err).message())
		return nil, err
	}
	return as, nil
}

// checkRights is the rule of Task.Elevated.
func (m *Machine) checkRights(t Task, stderr *os.File) error {
	if !t.Elevated || m.root {
		return nil
	}
	if m.waive {
		_, err := fmt.Fprintln(stderr, "This task asks for administrator rights. The Batch service does not run as root, and was told to run such tasks without them.")
		return err
	}
	const refused = "The task asks for administrator rights, which a Batch service that does not run as root cannot give. Run the service as root, the task without elevation (elevationLevel nonadmin), or have the service run such tasks with its own rights: local batch --waive-elevation."
	fmt.Fprintln(stderr, refused)
	return launchFailure(refused)
}

func (m *Machine) exitFailure(t Task) error {
	f := failure(FailureExitCode, "The task exited with an exit code representing a failure",
		"Message", "The task process exited with an unexpected exit code",
		"AdditionalErrorCode", FailureExitCode)
	if t.Elevated && !m.root {
		f.Details = append(f.Details, Detail{"Elevation", "The task asks for administrator rights and ran without them, because the Batch service does not run as root."})
	}
	return f
}

func (m *Machine) command(d *directory, t Task) (*exec.Cmd, error) {
	args, err := splitCommandLine(t.CommandLine)
	if err != nil {
		return nil, err
	}
	env := m.environment(t, d.workingDir())
	program, err := findProgram(args[0], env["PATH"], d.workingDir())
	if err != nil {
		return nil, err
	}
	return &exec.Cmd{
		Path:        program,
		Args:        args,
		Env:         env.list(),
		Dir:         d.workingDir(),
		SysProcAttr: processAttributes(),
	}, nil
}

// runProcess starts cmd as the leader of a session and waits for it. killed
// says that ctx, not the process, ended it. beside is runCommand's.
//
// The leader is reaped last of all: until then no other process can get its
// id, so that killing its group and session can hit nobody else.
func runProcess(ctx context.Context, cmd *exec.Cmd, t Task, onStart func(pgid int), beside func(code int32)) (state *os.ProcessState, killed bool, err error) {
	// Linux kills a child with the thread that started it, not with the
	// process: the thread must live as long as the child.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	began := time.Now()
	if err := cmd.Start(); err != nil {
		return nil, false, err
	}
	pgid := cmd.Process.Pid
	killDone := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(killDone)
		killSession(pgid)
	})
	if onStart != nil {
		onStart(pgid)
	}
	awaitExit(pgid)
	if beside != nil {
		beside(exitCode(exitStatus(pgid)))
	}
	if !stop() {
		<-killDone
		killed = true
	}
	killLeftovers(pgid, began, t.Dir, t.Services)

	// A process that did not exit with 0 is an error to exec, not to us.
	if err := cmd.Wait(); cmd.ProcessState == nil {
		return nil, killed, err
	}
	return cmd.ProcessState, killed, nil
}

func exitCode(status syscall.WaitStatus) int32 {
	if status.Signaled() {
		return -int32(status.Signal())
	}
	return int32(status.ExitStatus())
}

// startFailure is for a program that is there and cannot be run. A script is
// "not there" to the kernel when its interpreter is not.
func startFailure(name string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return failure(CommandProgramNotFound, "The specified command program is not found",
			"Program", name, "Message", "the interpreter that its first line names is missing: "+err.Error())
	}
	return launchFailure(err.Error())
}
