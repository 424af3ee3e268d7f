package localbatch

import (
	"path/filepath"
	"strconv"

	"github.com/durabatch/durabatch/localbatch/node"
	"github.com/durabatch/durabatch/localbatch/store"
)

// command is what node runs for a task.
func (s *Service) command(p *pool, j *job, n *store.Node, spec *taskSpec) node.Task {
	dir := s.taskDir(n.ID, j.ID, spec.ID)
	command := node.Task{
		Dir: dir, CommandLine: spec.CommandLine,
		Environment:   s.jobEnvironment(p, j, n, spec.ID, spec.EnvironmentSettings),
		ResourceFiles: nodeResourceFiles(spec.ResourceFiles),
		OutputFiles:   nodeOutputFiles(spec.OutputFiles),
	}
	s.certify(&command, n, visibleToTask)
	s.runAs(&command, p, spec.UserIdentity)
	s.contain(&command, p, n.ID, s.preparationDir(n.ID, j), spec.ContainerSettings)
	mustContain(&command, p, spec.ContainerSettings)
	command.MaxWallClock, _ = spec.Constraints.MaxWallClockTime.std()
	return command
}

// preparationCommand is what node runs for a job's preparation task.
func (s *Service) preparationCommand(p *pool, j *job, n *store.Node) node.Task {
	t := j.JobPreparationTask
	command := node.Task{
		Dir: s.taskDir(n.ID, j.ID, t.ID), CommandLine: t.CommandLine,
		Environment:   s.jobEnvironment(p, j, n, t.ID, t.EnvironmentSettings),
		ResourceFiles: nodeResourceFiles(t.ResourceFiles),
		Services:      true,
	}
	s.certify(&command, n, visibleToTask)
	s.runAs(&command, p, t.UserIdentity)
	s.contain(&command, p, n.ID, s.preparationDir(n.ID, j), t.ContainerSettings)
	command.MaxWallClock, _ = t.Constraints.MaxWallClockTime.std()
	return command
}

// releaseCommand is what node runs for a job's release task.
func (s *Service) releaseCommand(p *pool, j *job, n *store.Node) node.Task {
	t := j.JobReleaseTask
	command := node.Task{
		Dir: s.taskDir(n.ID, j.ID, t.ID), CommandLine: t.CommandLine,
		Environment:   s.jobEnvironment(p, j, n, t.ID, t.EnvironmentSettings),
		ResourceFiles: nodeResourceFiles(t.ResourceFiles),
	}
	s.certify(&command, n, visibleToTask)
	s.runAs(&command, p, t.UserIdentity)
	s.contain(&command, p, n.ID, s.preparationDir(n.ID, j), t.ContainerSettings)
	command.MaxWallClock, _ = t.MaxWallClockTime.std()
	return command
}

// preparationDir is the directory of a job's preparation task on a node, if the
// job has one.
func (s *Service) preparationDir(nodeID string, j *job) string {
	if j.JobPreparationTask == nil {
		return ""
	}
	return s.taskDir(nodeID, j.ID, j.JobPreparationTask.ID)
}

// jobEnvironment is what the task of a job gets. Its own settings come after
// its job's, so that they win.
func (s *Service) jobEnvironment(p *pool, j *job, n *store.Node, taskID string, own []nameValue) []string {
	environment := append(s.nodeEnvironment(p.ID, n.ID, n.Dedicated, s.taskDir(n.ID, j.ID, taskID)),
		"AZ_BATCH_JOB_ID="+j.ID,
		"AZ_BATCH_TASK_ID="+taskID,
	)
	if prep := j.JobPreparationTask; prep != nil && taskID != prep.ID {
		dir := s.taskDir(n.ID, j.ID, prep.ID)
		environment = append(environment,
			"AZ_BATCH_JOB_PREP_DIR="+dir,
			"AZ_BATCH_JOB_PREP_WORKING_DIR="+filepath.Join(dir, "wd"),
		)
	}
	environment = append(environment, settings(j.CommonEnvironmentSettings)...)
	return append(environment, settings(own)...)
}

// startCommand is what node runs for a pool's start task.
func (s *Service) startCommand(p *pool, n *computeNode) node.Task {
	t := n.StartTask
	dir := filepath.Join(s.nodeDir(n.ID), "startup")
	command := node.Task{
		Dir: dir, CommandLine: t.CommandLine,
		Environment:   append(s.nodeEnvironment(p.ID, n.ID, n.Dedicated, dir), settings(t.EnvironmentSettings)...),
		ResourceFiles: nodeResourceFiles(t.ResourceFiles),
		Services:      true,
	}
	s.certify(&command, &n.Node, visibleToStartTask)
	s.runAs(&command, p, t.UserIdentity)
	s.contain(&command, p, n.ID, "", t.ContainerSettings)
	return command
}

// nodeEnvironment is what every task of a node gets (Azure documentation,
// "Azure Batch runtime environment variables").
func (s *Service) nodeEnvironment(poolID, nodeID string, dedicated bool, taskDir string) []string {
	root := s.nodeDir(nodeID)
	environment := []string{
		"AZ_BATCH_ACCOUNT_NAME=" + s.opts.AccountName,
		"AZ_BATCH_POOL_ID=" + poolID,
		"AZ_BATCH_NODE_ID=" + nodeID,
		"AZ_BATCH_NODE_IS_DEDICATED=" + strconv.FormatBool(dedicated),
		"AZ_BATCH_NODE_ROOT_DIR=" + root,
		"AZ_BATCH_NODE_SHARED_DIR=" + filepath.Join(root, "shared"),
		"AZ_BATCH_NODE_STARTUP_DIR=" + filepath.Join(root, "startup"),
		"AZ_BATCH_NODE_STARTUP_WORKING_DIR=" + filepath.Join(root, "startup", "wd"),
		"AZ_BATCH_NODE_MOUNTS_DIR=" + filepath.Join(root, "fsmounts"),
		"AZ_BATCH_TASK_DIR=" + taskDir,
		"AZ_BATCH_TASK_WORKING_DIR=" + filepath.Join(taskDir, "wd"),
	}
	if s.public != nil {
		environment = append(environment, "AZ_BATCH_ACCOUNT_URL="+s.public.String()+"/")
	}
	return environment
}

func settings(list []nameValue) []string {
	var entries []string
	for _, setting := range list {
		entries = append(entries, setting.Name+"="+setting.Value)
	}
	return entries
}
