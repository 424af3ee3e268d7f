package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// engine is a container engine, as its client reaches it.
type engine struct {
	m       *Machine
	program string
	scratch string   // a directory of its own
	before  []string // arguments before the client's command
	environ []string
}

// clientVariables are those of the service's own environment that the client
// finds its engine by.
var clientVariables = []string{
	"DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH", "DOCKER_API_VERSION", "CONTAINER_HOST",
	"HOME", "PATH", "XDG_RUNTIME_DIR",
}

// openEngine makes a client that keeps what it has in scratch. taskDir is the
// directory of the task that it is for, if it is for one.
func (m *Machine) openEngine(scratch, taskDir string) (*engine, error) {
	program, err := exec.LookPath(m.docker)
	if err != nil {
		return nil, engineMissing(err)
	}
	own, err := os.MkdirTemp(scratch, "container")
	if err != nil {
		return nil, directoryFailure(err)
	}
	e := &engine{m: m, program: program, scratch: own, environ: []string{taskDirVariable + "=" + taskDir}}
	for _, entry := range os.Environ() {
		if name, _, _ := strings.Cut(entry, "="); slices.Contains(clientVariables, name) {
			e.environ = append(e.environ, entry)
		}
	}
	return e, nil
}

func (e *engine) close() {
	if err := os.RemoveAll(e.scratch); err != nil {
		e.m.logger.Warn("a temporary directory of a container could not be removed", "directory", e.scratch, "error", err)
	}
}

func (e *engine) command(args ...string) *exec.Cmd {
	return &exec.Cmd{
		Path: e.program, Args: slices.Concat([]string{e.program}, e.before, args), Env: e.environ, Dir: e.scratch,
		SysProcAttr: &syscall.SysProcAttr{Setpgid: true},
	}
}

// run has the client do something, and gives what it says.
func (e *engine) run(ctx context.Context, input string, args ...string) (string, error) {
	cmd := e.command(args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(input), &stdout, &stderr
	if err := cmd.Start(); err != nil {
		return "", err
	}
	stop := context.AfterFunc(ctx, func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
	err := cmd.Wait()
	stop()
	if said := strings.TrimSpace(stderr.String()); err != nil && said != "" {
		err = errors.New(said)
	}
	return strings.TrimSpace(stdout.String()), err
}

// login gives the engine's client the account of a registry, in a
// configuration of its own that goes with the container.
func (e *engine) login(ctx context.Context, r *Registry) error {
	if r == nil || r.User == "" {
		return nil
	}
	// In a configuration of its own the client would not know which engine the
	// service's user has chosen.
	if host, err := e.run(ctx, "", "context", "inspect", "--format", "{{.Endpoints.docker.Host}}"); err == nil && host != "" {
		e.before = append(e.before, "--host", host)
	}
	e.before = append(e.before, "--config", filepath.Join(e.scratch, "config"))
	args := []string{"login", "--username", r.User, "--password-stdin"}
	if r.Server != "" {
		args = append(args, r.Server)
	}
	if _, err := e.run(ctx, r.Password, args...); err != nil {
		return firstOf(e.answers(ctx), containerFailure(ContainerInvalidRegistry, "The registry of the container image could not be logged in to", err))
	}
	return nil
}

// Pull has the container engine have an image, from r if that is not nil. An
// image that it has is not pulled. Scratch is a directory that nobody else can
// read; dir is what [EndOrphansBelow] knows the engine's client by. The error is
// a [*Failure], or ctx's.
func (m *Machine) Pull(ctx context.Context, image string, r *Registry, scratch, dir string) error {
	e, err := m.openEngine(scratch, dir)
	if err != nil {
		return err
	}
	defer e.close()
	if err := e.login(ctx, r); err != nil {
		return firstOf(ctx.Err(), err)
	}
	return firstOf(ctx.Err(), e.haveImage(ctx, image))
}

// haveImage pulls an image that the engine does not have.
func (e *engine) haveImage(ctx context.Context, image string) error {
	if _, err := e.run(ctx, "", "image", "inspect", "--format", "{{.Id}}", image); err == nil {
		return nil
	}
	if err := e.answers(ctx); err != nil {
		return err
	}
	if _, err := e.run(ctx, "", "pull", "--quiet", image); err != nil {
		return containerFailure(ContainerInvalidImage, "The container image "+image+" could not be pulled", err)
	}
	return nil
}

// answers is an error when there is no engine.
func (e *engine) answers(ctx context.Context) error {
	if _, err := e.run(ctx, "", "version", "--format", "{{.Server.Version}}"); err != nil {
		return engineMissing(err)
	}
	return nil
}

// remove ends a container and removes it, whatever its task is doing.
func (e *engine) remove(id string) {
	ctx, cancel := context.WithTimeout(context.Background(), removeWithin)
	defer cancel()
	if _, err := e.run(ctx, "", "rm", "--force", "--volumes", id); err != nil && !strings.Contains(strings.ToLower(err.Error()), "no such container") {
		e.m.logger.Warn("a container could not be removed", "container", id, "error", err)
	}
}

// removeAll ends and removes the containers that have a label.
func (e *engine) removeAll(label, value string) error {
	ctx, cancel := context.WithTimeout(context.Background(), removeWithin)
	defer cancel()
	ids, err := e.run(ctx, "", "ps", "--all", "--quiet", "--no-trunc", "--filter", "label="+label+"="+value)
	if err != nil {
		return fmt.Errorf("list containers: %w", err)
	}
	for _, id := range strings.Fields(ids) {
		e.remove(id)
	}
	return nil
}

func engineMissing(err error) error {
	return containerFailure(ContainerMiscError, "No container engine answers on the machine of the Batch service", fmt.Errorf("start a Docker engine and have its client on the PATH: %w", err))
}
