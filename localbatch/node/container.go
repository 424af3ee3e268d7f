package node

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/kballard/go-shellquote"
)

// Container is what a task runs in, instead of in the machine itself.
type Container struct {
	// Image is what the engine would be told to pull. One that the engine has
	// is not pulled.
	Image string
	// Options are further arguments of "docker create", split by POSIX quoting
	// rules. --rm is left out: the container is removed in any case.
	Options string
	// Mounts are the directories that the container shares with the machine,
	// each under its own path.
	Mounts []Mount
	// ImageDirectory has the command start in the image's working directory,
	// rather than in the task's.
	ImageDirectory bool
	// Registry is where the image is, if it wants a password.
	Registry *Registry
	// Owner names whoever removes what a service that died has left, by
	// [Machine.RemoveContainers].
	Owner string
	// Scratch is a directory that nobody else can read.
	Scratch string

	result *Result // where what came of it is put
}

// Mount is a directory.
type Mount struct {
	Path     string
	ReadOnly bool
}

// Registry is a registry of images and an account there.
type Registry struct {
	Server   string // default: the engine's own
	User     string
	Password string
}

// ContainerInfo is what the engine said of a task's container at its end.
type ContainerInfo struct {
	ID    string
	State string
	Error string
}

// The labels of containers: whose they are, and which task's.
const (
	ownerLabel = "localbatch.owner"
	taskLabel  = "localbatch.task"
)

// removeWithin bounds the removal of a container.
const removeWithin = time.Minute

// runContainer runs the task's command line in a container, to its end. The
// engine's client is the process: what it writes is what the container writes.
func (m *Machine) runContainer(ctx context.Context, d *directory, t Task, out output, onStart func(pgid int)) (*int32, error) {
	c := t.Container
	as, err := m.taskUser(d, t, out)
	if err != nil {
		return nil, err
	}
	e, err := m.openEngine(c.Scratch, t.Dir)
	if err != nil {
		return nil, err
	}
	defer e.close()
	if err := e.login(ctx, c.Registry); err != nil {
		return nil, firstOf(ended(ctx), err)
	}
	if err := e.haveImage(ctx, c.Image); err != nil {
		return nil, firstOf(ended(ctx), err)
	}
	args, err := m.createArguments(d, t, as, e.scratch)
	if err != nil {
		return nil, err
	}
	id, err := e.run(ctx, "", args...)
	if err != nil {
		// The engine may have made it for a client that was ended meanwhile.
		if err := e.removeAll(taskLabel, t.Dir); err != nil {
			m.logger.Warn("a container may be left", "directory", t.Dir, "error", err)
		}
		return nil, firstOf(ended(ctx), containerFailure(ContainerInvalidSettings, "At least one value of the specified task container settings is invalid", err))
	}
	defer e.remove(id)

	cmd := e.command("start", "--attach", id)
	cmd.SysProcAttr = processAttributes()
	cmd.Stdout, cmd.Stderr = out.stdout, out.stderr
	state, killed, err := runProcess(ctx, cmd, t, onStart, nil)
	if err != nil {
		return nil, engineMissing(err)
	}
	if killed {
		e.remove(id) // its client is gone, which it does not mind
		code := exitCode(state.Sys().(syscall.WaitStatus))
		c.result.Container = &ContainerInfo{ID: id, State: "removed"}
		return &code, ended(ctx)
	}
	return m.containerEnd(e, t, id)
}

// containerEnd is what came of a container.
func (m *Machine) containerEnd(e *engine, t Task, id string) (*int32, error) {
	ctx, cancel := context.WithTimeout(context.Background(), removeWithin)
	defer cancel()
	text, err := e.run(ctx, "", "inspect", "--format", "{{json .State}}", id)
	var state struct {
		Status   string
		ExitCode int32
		Error    string
	}
	if err == nil {
		err = json.Unmarshal([]byte(text), &state)
	}
	if err != nil {
		return nil, containerFailure(ContainerMiscError, "The container engine does not tell what came of the task's container", err)
	}
	t.Container.result.Container = &ContainerInfo{ID: id, State: state.Status, Error: state.Error}
	switch {
	case state.Error != "":
		return nil, containerFailure(ContainerInvalidSettings, "At least one value of the specified task container settings is invalid", errors.New(state.Error))
	case state.ExitCode != 0:
		return &state.ExitCode, m.exitFailure(t)
	}
	return &state.ExitCode, nil
}

// createArguments are those of the engine's client that makes the container.
// The environment goes by a file: it may hold secrets, and a command line can
// be read by everybody.
func (m *Machine) createArguments(d *directory, t Task, as *account, scratch string) ([]string, error) {
	c := t.Container
	file, err := writeEnvironment(t, d, scratch)
	if err != nil {
		return nil, err
	}
	options, err := shellquote.Split(c.Options)
	if err != nil {
		return nil, containerFailure(ContainerInvalidSettings, "The containerRunOptions cannot be split into arguments", err)
	}
	args := []string{"create", "--label", ownerLabel + "=" + c.Owner, "--label", taskLabel + "=" + t.Dir, "--env-file", file}
	for _, mount := range c.Mounts {
		args = append(args, "--mount", mount.argument())
	}
	if !c.ImageDirectory {
		args = append(args, "--workdir", d.workingDir())
	}
	switch {
	case as != nil:
		args = append(args, "--user", fmt.Sprintf("%d:%d", as.ids.Uid, as.ids.Gid))
	case !m.root:
		args = append(args, "--user", fmt.Sprintf("%d:%d", os.Geteuid(), os.Getegid())) // what it writes must be removable
	}
	args = append(args, slices.DeleteFunc(options, func(o string) bool { return o == "--rm" || o == "--rm=true" })...)
	if strings.TrimSpace(t.CommandLine) == "" {
		return append(args, c.Image), nil // the image's own command
	}
	command, err := splitCommandLine(t.CommandLine)
	if err != nil {
		return nil, err
	}
	hasEntrypoint := slices.ContainsFunc(options, func(o string) bool { return o == "--entrypoint" || strings.HasPrefix(o, "--entrypoint=") })
	if hasEntrypoint {
		return append(append(args, c.Image), command...), nil
	}
	return append(append(args, "--entrypoint", command[0], c.Image), command[1:]...), nil
}

// argument is the mount for --mount, which is a line of CSV.
func (p Mount) argument() string {
	fields := []string{"type=bind", "source=" + p.Path, "target=" + p.Path}
	if p.ReadOnly {
		fields = append(fields, "readonly")
	}
	var text strings.Builder
	w := csv.NewWriter(&text)
	_ = w.Write(fields) // a strings.Builder takes everything
	w.Flush()
	return strings.TrimSuffix(text.String(), "\n")
}

// writeEnvironment writes what the task's process gets to see, but for what
// describes the machine and not the container.
func writeEnvironment(t Task, d *directory, scratch string) (string, error) {
	env := environment{}
	env.set("AZ_BATCH_TASK_WORKING_DIR", d.workingDir())
	for _, entry := range t.Environment {
		name, value, _ := strings.Cut(entry, "=")
		env.set(name, value)
	}
	env.set(taskDirVariable, t.Dir)
	var text strings.Builder
	for _, entry := range env.list() {
		if strings.ContainsAny(entry, "\n\r") {
			name, _, _ := strings.Cut(entry, "=")
			return "", containerFailure(ContainerInvalidSettings, "The container engine takes no environment variable of several lines", errors.New(name))
		}
		text.WriteString(entry + "\n")
	}
	path := filepath.Join(scratch, "environment")
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		return "", directoryFailure(err)
	}
	return path, nil
}

func containerFailure(code, message string, err error) error {
	return failure(code, message, "Message", err.Error())
}

// RemoveContainers removes what is left of owner's containers, by a service
// that has died since.
func (m *Machine) RemoveContainers(owner string) error {
	e, err := m.openEngine(os.TempDir(), "")
	if err != nil {
		return err
	}
	defer e.close()
	return e.removeAll(ownerLabel, owner)
}
