package localbatch

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/durabatch/durabatch/localbatch/node"
	"github.com/durabatch/durabatch/localbatch/store"
)

// recover takes up what an earlier service left: for the nodes it is as if
// they had rebooted.
func (s *Service) recover() error {
	if err := s.emptyTrash(); err != nil {
		return err
	}
	if err := s.endOrphans(); err != nil {
		return err
	}
	s.removeContainers()
	return errors.Join(
		s.change((*change).recoverTasks),
		s.change((*change).recoverPools),
		s.change((*change).recoverJobs),
		s.change((*change).recoverCertificates),
		s.change((*change).recoverReleases),
		s.change((*change).recoverSchedules),
	)
}

// recordProcess writes down the leader of a session that is to be ended by the
// next service, should this one die. set has a row take it.
func (s *Service) recordProcess(pgid int, set func(tx *store.Tx, process string) error) {
	identity, err := node.ProcessIdentity(pgid)
	if err != nil {
		return // it is over already
	}
	process := fmt.Sprintf("%d %s", pgid, identity)
	if err := s.store.Post(func(tx *store.Tx) error { return set(tx, process) }); err != nil {
		s.log.Warn("a process could not be recorded", "process", pgid, "error", err)
	}
}

// endOrphans ends the processes that the earlier service could not, because it
// was killed itself. Nothing starts before they are gone: they may be writing
// to the directories that their tasks get again.
func (s *Service) endOrphans() error {
	var processes []string
	err := s.store.View(func(tx *store.Tx) error {
		tasks, err := tx.RunningTasks()
		if err != nil {
			return err
		}
		for _, t := range tasks {
			processes = append(processes, t.Process)
		}
		nodes, err := tx.NodesWithProcess()
		if err != nil {
			return err
		}
		for _, n := range nodes {
			processes = append(processes, n.Process)
		}
		preparations, err := tx.PreparationsWithProcess()
		if err != nil {
			return err
		}
		for _, p := range preparations {
			processes = append(processes, p.Process)
		}
		subtasks, err := tx.SubtasksWithProcess()
		for _, sub := range subtasks {
			processes = append(processes, sub.Process)
		}
		return err
	})
	if err != nil {
		return err
	}
	for _, process := range processes {
		pid, identity, ok := strings.Cut(process, " ")
		if !ok {
			continue // it was not up yet
		}
		pgid, err := strconv.Atoi(pid)
		if err != nil {
			return fmt.Errorf("the record of a process is damaged: %w", err)
		}
		if err := node.EndOrphan(pgid, identity); err != nil {
			s.log.Warn("a process of the service before this one could not be ended", "process", pgid, "error", err)
		}
	}
	// It may have died between starting a process and recording it. Having got
	// the store's lock, this service knows that no such process is still on its
	// way to becoming its program, when nothing would tell whose it is.
	if err := node.EndOrphansBelow(s.nodesDir()); err != nil {
		s.log.Warn("a process of the service before this one could not be ended", "error", err)
	}
	return nil
}

// recoverTasks requeues the tasks that were running; those of jobs that were
// being ended are completed.
func (c *change) recoverTasks() error {
	rows, err := c.RunningTasks()
	if err != nil {
		return err
	}
	for _, row := range rows {
		t := &task{row}
		job, ok, err := c.JobByKey(t.Job)
		if err != nil {
			return err
		}
		if ok && (job.State == terminating || job.State == deleting) {
			err = c.completeUnrun(t)
		} else {
			err = c.recoverTask(job, t)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *change) recoverTask(row store.Job, t *task) error {
	if err := c.requeue(t); err != nil {
		return err
	}
	j, err := readJob(row, true, nil)
	if err != nil || !j.manages(t) {
		return err
	}
	return c.putFirst(t)
}

func (c *change) recoverPools() error {
	pools, err := c.Pools()
	if err != nil {
		return err
	}
	for _, row := range pools {
		p, err := readPool(row, true, nil)
		if err != nil {
			return err
		}
		nodes, err := c.poolNodes(p)
		if err != nil {
			return err
		}
		for _, n := range nodes {
			if err := c.reboot(n); err != nil {
				return err
			}
		}
		c.thenBeside(func() { c.s.settlePool(p.key) })
		if p.EnableAutoScale && p.State != deleting {
			c.planEvaluation(p)
		}
	}
	return nil
}

func (c *change) reboot(n *computeNode) error {
	if !isDown(n.State) {
		return c.bootAgain(n, starting)
	}
	n.RunningTasks, n.RunningSlots, n.Exclusive, n.Process = 0, 0, false, ""
	c.thenBeside(func() { c.s.takeDown(n.Key) })
	return c.saveNode(n)
}

func (c *change) recoverJobs() error {
	jobs, err := c.Jobs()
	if err != nil {
		return err
	}
	for _, row := range jobs {
		if row.State == completed {
			continue
		}
		j, err := readJob(row, true, nil)
		if err != nil {
			return err
		}
		c.then(func() { c.s.watchDeadline(j) })
		c.thenBeside(func() { c.s.settleJob(j.row.Key) })
		if err := c.endIfComplete(j); err != nil {
			return err
		}
	}
	return nil
}
