package localbatch

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/durabatch/durabatch/localbatch/node"
)

// containerConfiguration makes a pool one for container tasks.
type containerConfiguration struct {
	Type                string              `json:"type"`
	ContainerImageNames []string            `json:"containerImageNames,omitempty"`
	ContainerRegistries []containerRegistry `json:"containerRegistries,omitempty"`
}

type containerRegistry struct {
	UserName          string             `json:"username,omitempty"`
	Password          string             `json:"password,omitempty"` // see withoutPasswords
	RegistryServer    string             `json:"registryServer,omitempty"`
	IdentityReference *identityReference `json:"identityReference,omitempty"`
}

// containerSettings are those of one task.
type containerSettings struct {
	ContainerRunOptions          string             `json:"containerRunOptions,omitempty"`
	ImageName                    string             `json:"imageName"`
	Registry                     *containerRegistry `json:"registry,omitempty"`
	WorkingDirectory             string             `json:"workingDirectory,omitempty"`
	ContainerHostBatchBindMounts *[]bindMount       `json:"containerHostBatchBindMounts,omitempty"`
}

type bindMount struct {
	Source     string `json:"source"`
	IsReadOnly bool   `json:"isReadOnly,omitempty"`
}

const (
	taskDirectory  = "taskWorkingDirectory"
	imageDirectory = "containerImageDefault"
)

// The directories of a node that a container can share.
const (
	sharedMount       = "Shared"
	startupMount      = "Startup"
	vfsMount          = "VfsMounts"
	taskMount         = "Task"
	preparationMount  = "JobPrep"
	applicationsMount = "Applications"
)

func (c *containerConfiguration) complete() error {
	const property = "virtualMachineConfiguration.containerConfiguration"
	if c == nil {
		return nil
	}
	if c.Type == "" {
		return missingProperty(property + ".type")
	}
	if err := oneOf(property+".type", &c.Type, "dockerCompatible", "criCompatible"); err != nil {
		return err
	}
	for _, image := range c.ContainerImageNames {
		if err := checkImageName(property+".containerImageNames", image); err != nil {
			return err
		}
	}
	for i := range c.ContainerRegistries {
		if err := c.ContainerRegistries[i].check(property + ".containerRegistries"); err != nil {
			return err
		}
	}
	return nil
}

func (r *containerRegistry) check(property string) error {
	switch {
	case r == nil:
		return nil
	case r.IdentityReference != nil:
		return unsupportedProperty(property+".identityReference", "no managed identity of localbatch opens a registry; give a username and a password")
	case (r.UserName == "") != (r.Password == ""):
		return invalidProperty(property, r.RegistryServer, "username and password are given together")
	}
	return nil
}

// checkImageName refuses what the engine's client would take for something else.
func checkImageName(property, name string) error {
	switch {
	case name == "":
		return missingProperty(property)
	case strings.HasPrefix(name, "-"):
		return invalidProperty(property, name, "it is not the name of an image")
	}
	return nil
}

// complete checks the settings, if there are any, and fills in the defaults.
func (c *containerSettings) complete(property string) error {
	if c == nil {
		return nil
	}
	if err := checkImageName(property+".imageName", c.ImageName); err != nil {
		return err
	}
	if err := oneOf(property+".workingDirectory", &c.WorkingDirectory, taskDirectory, imageDirectory); err != nil {
		return err
	}
	if c.ContainerHostBatchBindMounts != nil {
		mounts := *c.ContainerHostBatchBindMounts
		for i := range mounts {
			if mounts[i].Source == "" {
				return missingProperty(property + ".containerHostBatchBindMounts.source")
			}
			if err := oneOf(property+".containerHostBatchBindMounts.source", &mounts[i].Source,
				sharedMount, startupMount, vfsMount, taskMount, preparationMount, applicationsMount); err != nil {
				return err
			}
		}
	}
	return c.Registry.check(property + ".registry")
}

// contain has a command run in a container, if its task says so. Tasks of jobs
// must say so on a pool for containers, and on no other (recorded by users and
// in tests of the .NET client: ContainerPoolNotSupported and
// ContainerTaskSettingsNotFound).
func (s *Service) contain(command *node.Task, p *pool, nodeID, preparation string, c *containerSettings) {
	configuration := p.VirtualMachineConfiguration.containers()
	if c == nil {
		return
	}
	if configuration == nil {
		command.Refusal = &node.Failure{
			Category: node.UserError, Code: node.ContainerPoolNotSupported, Message: "The specified pool does not support container tasks",
		}
		return
	}
	s.noteContainers()
	command.Container = &node.Container{
		Image: c.ImageName, Options: c.ContainerRunOptions, ImageDirectory: c.WorkingDirectory == imageDirectory,
		Mounts: s.mounts(command, nodeID, preparation, c), Registry: configuration.registryOf(c),
		Owner: s.nodesDir(), Scratch: s.trashDir(),
	}
}

// mustContain refuses a task of a job that has no container on a pool for them.
func mustContain(command *node.Task, p *pool, c *containerSettings) {
	if c == nil && p.VirtualMachineConfiguration.containers() != nil {
		command.Refusal = &node.Failure{
			Category: node.UserError, Code: node.ContainerTaskSettingsNotFound, Message: "Container-enabled compute node requires task container settings",
		}
	}
}

func (c *vmConfiguration) containers() *containerConfiguration {
	if c == nil {
		return nil
	}
	return c.ContainerConfiguration
}

// prefetch has a node have its pool's images before anything runs there.
func (s *Service) prefetch(ctx context.Context, n *computeNode, p *pool) error {
	c := p.VirtualMachineConfiguration.containers()
	if c == nil {
		return nil
	}
	for _, image := range c.ContainerImageNames {
		if err := s.machine.Pull(ctx, image, c.registry(image), s.trashDir(), filepath.Join(s.nodeDir(n.ID), "startup")); err != nil {
			return err
		}
		s.nodeLogs.note(n.ID, s.clock.now(), "has the container image %s", image)
	}
	return nil
}

// registryOf is the account for a task's image: its own, or the pool's.
func (c *containerConfiguration) registryOf(task *containerSettings) *node.Registry {
	if r := task.Registry; r != nil && r.UserName != "" {
		return &node.Registry{Server: r.RegistryServer, User: r.UserName, Password: r.Password}
	}
	return c.registry(task.ImageName)
}

// registry is the pool's account for the registry that the image's name begins with.
func (c *containerConfiguration) registry(image string) *node.Registry {
	for _, r := range c.ContainerRegistries {
		server := strings.TrimPrefix(strings.TrimPrefix(r.RegistryServer, "https://"), "http://")
		if r.UserName != "" && (server == "" || strings.HasPrefix(image, strings.TrimSuffix(server, "/")+"/")) {
			return &node.Registry{Server: r.RegistryServer, User: r.UserName, Password: r.Password}
		}
	}
	return nil
}

// mounts are the directories of the node that a container shares: all of them,
// or those that are asked for.
func (s *Service) mounts(command *node.Task, nodeID, preparation string, c *containerSettings) []node.Mount {
	root := s.nodeDir(nodeID)
	if c.ContainerHostBatchBindMounts == nil {
		return []node.Mount{{Path: root}}
	}
	paths := map[string]string{
		sharedMount: filepath.Join(root, "shared"), startupMount: filepath.Join(root, "startup"),
		vfsMount: filepath.Join(root, "fsmounts"), applicationsMount: filepath.Join(root, "applications"),
		taskMount: command.Dir, preparationMount: preparation,
	}
	var mounts []node.Mount
	for _, m := range *c.ContainerHostBatchBindMounts {
		if path := paths[m.Source]; path != "" { // a job without preparation task has no directory of it
			mounts = append(mounts, node.Mount{Path: path, ReadOnly: m.IsReadOnly})
		}
	}
	return mounts
}

// containersFile says that containers have been run: only then does a service
// that starts ask the engine, which may not be there, for those of the last one.
func (s *Service) containersFile() string { return filepath.Join(s.opts.DataDir, "containers") }

func (s *Service) noteContainers() {
	if _, err := os.Stat(s.containersFile()); err == nil {
		return
	}
	if err := os.WriteFile(s.containersFile(), nil, 0o600); err != nil {
		s.log.Warn("that containers are run could not be noted; should the service be killed, remove them by hand", "error", err)
	}
}

// removeContainers removes what the service before this one has left running.
func (s *Service) removeContainers() {
	if _, err := os.Stat(s.containersFile()); errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err := s.machine.RemoveContainers(s.nodesDir()); err != nil {
		s.log.Warn("containers of the service before this one could not be removed", "error", err)
	}
}

// containerInfo is what the engine said of a task's container.
type containerInfo struct {
	ContainerID string `json:"containerId"`
	State       string `json:"state"`
	Error       string `json:"error,omitempty"`
}

func containerInfoOf(c *node.ContainerInfo) *containerInfo {
	if c == nil {
		return nil
	}
	return &containerInfo{c.ID, c.State, c.Error}
}
