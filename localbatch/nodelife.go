package localbatch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/durabatch/durabatch/localbatch/node"
	"github.com/durabatch/durabatch/localbatch/store"
)

// boots are the nodes whose boot or start task is going on.
type boots struct {
	mu     sync.Mutex
	byNode map[int64]*boot
}

type boot struct {
	cancel context.CancelFunc
	ended  chan struct{}
}

func (b *boots) of(node int64) *boot {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.byNode[node]
}

// boot starts a node: it makes its directories, waits as long as nodes are
// told to take, runs the start task, and opens the node to tasks.
func (s *Service) boot(key int64) {
	ctx, cancel := context.WithCancel(s.ctx)
	b := &boot{cancel: cancel, ended: make(chan struct{})}
	s.boots.mu.Lock()
	if s.boots.byNode == nil {
		s.boots.byNode = map[int64]*boot{}
	}
	s.boots.byNode[key] = b
	s.boots.mu.Unlock()
	s.spawn(func() {
		defer close(b.ended)
		defer cancel()
		err := s.bootNode(ctx, key)
		s.boots.mu.Lock()
		delete(s.boots.byNode, key)
		s.boots.mu.Unlock()
		if err != nil && ctx.Err() == nil {
			s.failBoot(key, err)
		}
	})
}

// failBoot makes a node unusable that could not be started.
func (s *Service) failBoot(key int64, cause error) {
	n, err := s.changeNode(key, func(c *change, n *computeNode, _ *pool) error {
		n.Back, n.Errors = 0, append(n.Errors, bootError(cause))
		c.then(func() { s.nodeLogs.note(n.ID, c.now, "could not be started: %v", cause) })
		return c.goDown(n, unusable, loseTasks)
	})
	if s.ctx.Err() != nil || n == nil && err == nil {
		return
	}
	s.log.Error("a node could not be started", "node", key, "error", errors.Join(cause, err))
}

// bootError is what the node shows of it.
func bootError(cause error) nodeError {
	var failure *node.Failure
	if !errors.As(cause, &failure) {
		return nodeError{Code: "Unknown", Message: cause.Error()}
	}
	info := failureOf(failure)
	return nodeError{Code: info.Code, Message: info.Message, ErrorDetails: info.Details}
}

func (s *Service) bootNode(ctx context.Context, key int64) error {
	var p *pool
	n, err := s.changeNode(key, func(c *change, n *computeNode, its *pool) error {
		p = its
		n.move(starting, c.now)
		n.LastBootTime, n.StartTask, n.StartTaskInfo = c.now, p.StartTask, nil
		n.CertificateReferences = p.CertificateReferences
		return c.rebootPreparations(n.Key)
	})
	if err != nil || n == nil {
		return err
	}
	if err := s.furnish(n, p); err != nil {
		return err
	}
	mishap := s.nodeMishap(p.ID, n)
	if err := s.pause(ctx, s.opts.BootTime+mishap.delay()); err != nil {
		return err
	}
	if err := s.prefetch(ctx, n, p); err != nil {
		return err
	}
	waits := n.StartTask != nil && *n.StartTask.WaitForSuccess
	if !waits {
		s.befall(p.ID, n, mishap)
	}
	if n.StartTask == nil {
		return s.openNode(key)
	}
	if err := s.runStartTask(ctx, key); err != nil {
		return err
	}
	if waits {
		s.befall(p.ID, n, mishap)
	}
	return nil
}

// furnish gives a node what is on its disk before anything runs there.
func (s *Service) furnish(n *computeNode, p *pool) error {
	if err := s.endDaemons(n.ID); err != nil {
		return err
	}
	if err := s.makeNodeDirectories(n.ID, len(p.UserAccounts) > 0); err != nil {
		return fmt.Errorf("make the directories of node %s: %w", n.ID, err)
	}
	if err := s.installCertificates(n); err != nil {
		return fmt.Errorf("install the certificates of node %s: %w", n.ID, err)
	}
	return nil
}

// makeNodeDirectories makes what Batch has on every node (Azure documentation,
// "Files and directories in Azure Batch"). accounts says that tasks may run as
// other users, and all tasks may write to the shared directory.
func (s *Service) makeNodeDirectories(nodeID string, accounts bool) error {
	for _, name := range []string{"applications", "fsmounts", "shared", "startup", "volatile", "workitems"} {
		if err := os.MkdirAll(filepath.Join(s.nodeDir(nodeID), name), 0o700); err != nil {
			return err
		}
	}
	if !accounts {
		return nil
	}
	return os.Chmod(filepath.Join(s.nodeDir(nodeID), "shared"), 0o777) //nolint:gosec // nobody else reaches what is above it
}

// runStartTask tries the start task as often as it may be tried.
func (s *Service) runStartTask(ctx context.Context, key int64) error {
	var command node.Task
	var poolID string
	n, err := s.changeNode(key, func(c *change, n *computeNode, p *pool) error {
		poolID = p.ID
		n.StartTaskInfo = &startTaskInfo{State: running, StartTime: c.now}
		n.move(waitingForStartTask, c.now)
		command = s.startCommand(p, n)
		if command.Elevated && s.machine.WaivesElevation() {
			s.noteMissingRights(c, n)
		}
		return nil
	})
	if err != nil || n == nil {
		return err
	}
	if !*n.StartTask.WaitForSuccess {
		if err := s.openNode(key); err != nil {
			return err
		}
	}
	for {
		command, err := s.faultyStartTask(ctx, poolID, n.Dedicated, command)
		if err != nil {
			return err
		}
		result, err := s.tryStartTask(ctx, key, command)
		if err != nil {
			return err
		}
		again, err := s.endStartTask(key, result)
		if err != nil || !again {
			return err
		}
	}
}

// tryStartTask runs a start task once. An error: the boot is to end.
func (s *Service) tryStartTask(ctx context.Context, key int64, command node.Task) (node.Result, error) {
	if command.Elevated { // package managers of one machine wait for each other's lock, or fail over it
		select {
		case s.elevated <- struct{}{}:
			defer func() { <-s.elevated }()
		case <-ctx.Done():
			return node.Result{}, ctx.Err()
		}
	}
	s.noteRun(command.Dir, "begins")
	result := s.machine.Run(ctx, command, func(pgid int) { s.recordStartTask(key, pgid) })
	s.noteRun(command.Dir, outcome(result))
	return result, ctx.Err()
}

// noteMissingRights says where people look that a start task runs without the
// rights it asks for, which may do and may not.
func (s *Service) noteMissingRights(c *change, n *computeNode) {
	const missing = "The start task asks for administrator rights. The Batch service does not run as root, and was told to run such tasks without them."
	n.Errors = append(n.Errors, nodeError{Code: "ElevationNotAvailable", Message: missing})
	c.then(func() {
		s.nodeLogs.note(n.ID, c.now, "startup: %s", missing)
		s.log.Warn("a start task runs without the administrator rights that it asks for", "node", n.ID)
	})
}

// endStartTask writes down what came of a try and says whether there is another.
func (s *Service) endStartTask(key int64, result node.Result) (again bool, err error) {
	_, err = s.changeNode(key, func(c *change, n *computeNode, p *pool) error {
		info, spec := n.StartTaskInfo, n.StartTask
		n.Process = ""
		again = retryable(result, *spec.MaxTaskRetryCount, info.RetryCount)
		info.ExitCode, info.FailureInfo, info.Result = result.ExitCode, failureOf(result.Failure), resultOf(result.Failure)
		if again {
			info.RetryCount++
			info.LastRetryTime = c.now
			return nil
		}
		info.State, info.EndTime = completed, c.now
		switch {
		case !*spec.WaitForSuccess:
		case result.Failure == nil:
			return c.open(n, p)
		default:
			n.move(startTaskFailed, c.now)
			return c.settleReleases(n.Key)
		}
		return nil
	})
	return again, err
}

// openNode lets a node that has booted take tasks.
func (s *Service) openNode(key int64) error {
	_, err := s.changeNode(key, func(c *change, n *computeNode, p *pool) error { return c.open(n, p) })
	return err
}

func (c *change) open(n *computeNode, p *pool) error {
	n.Open = n.SchedulingState == enabled
	if n.State != running && n.State != offline {
		n.move(idle, c.now)
	}
	settleNode(&n.Node, c.now)
	c.assign(p.ID)
	return c.settleReleases(n.Key)
}

// changeNode changes a node that is booting. The node is nil when it is gone,
// or going down, meanwhile.
func (s *Service) changeNode(key int64, f func(*change, *computeNode, *pool) error) (*computeNode, error) {
	var n *computeNode
	err := s.change(func(c *change) error {
		n = nil
		row, ok, err := c.NodeByKey(key)
		if err != nil || !ok || isDown(row.State) {
			return err
		}
		p, err := findPoolByKey(c.Tx, row.Pool)
		if err != nil {
			return err
		}
		if n, err = readNode(row); err != nil {
			return err
		}
		if err := f(c, n, p); err != nil {
			return err
		}
		return c.saveNode(n)
	})
	return n, err
}

func (s *Service) recordStartTask(key int64, pgid int) {
	s.recordProcess(pgid, func(tx *store.Tx, process string) error { return tx.SetNodeProcess(key, process) })
}

// leaveNodes takes an ended run off its node, or nodes.
func (c *change) leaveNodes(r *run, succeeded bool) error {
	for _, key := range r.nodes() {
		if err := c.leaveNode(key, r, succeeded); err != nil {
			return err
		}
	}
	return nil
}

func (c *change) leaveNode(key int64, r *run, succeeded bool) error {
	n, ok, err := c.NodeByKey(key)
	if err != nil || !ok {
		return err
	}
	n.RunningTasks--
	n.RunningSlots -= r.slots
	n.Exclusive = n.Exclusive && !r.exclusive
	n.TasksRun++
	if succeeded {
		n.TasksSucceeded++
	}
	settleNode(&n, c.now)
	if isDown(n.State) && n.RunningTasks == 0 {
		c.thenBeside(func() { c.s.takeDown(n.Key) })
	}
	return c.UpdateNode(n)
}

// endDaemons ends what the node's start task has left running: it goes down
// with the node. Nothing else runs there meanwhile.
func (s *Service) endDaemons(nodeID string) error {
	if _, err := os.Stat(s.nodeDir(nodeID)); errors.Is(err, fs.ErrNotExist) {
		return nil // it is a new node
	}
	return node.EndOrphansBelow(s.nodeDir(nodeID))
}
