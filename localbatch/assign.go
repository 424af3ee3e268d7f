package localbatch

import (
	"context"
	"fmt"
	"slices"

	"github.com/durabatch/durabatch/localbatch/store"
)

// assignAll gives the waiting tasks of the pools that the change has touched to
// nodes with room for them.
func (c *change) assignAll() error {
	slices.Sort(c.pools)
	for _, id := range slices.Compact(c.pools) {
		if err := c.assignPool(id); err != nil {
			return fmt.Errorf("assign tasks to the nodes of pool %s: %w", id, err)
		}
	}
	return nil
}

func (c *change) assignPool(id string) error {
	row, ok, err := c.Pool(id)
	if err != nil || !ok {
		return err // tasks of a pool that is gone wait
	}
	jobs, err := c.WaitingJobs(id, active)
	if err != nil || len(jobs) == 0 {
		return err
	}
	p, err := readPool(row, ok, nil)
	if err != nil {
		return err
	}
	nodes, err := c.OpenNodes(p.key, p.TaskSlotsPerNode)
	if err != nil {
		return err
	}
	room := &room{pool: p, nodes: nodes, reserved: -1, claims: c.s.runs.claims(id)}
	if room.open, err = c.openNodes(p); err != nil {
		return err
	}
	for _, job := range jobs {
		if len(nodes) == 0 {
			break
		}
		if err := c.assignJob(room, job); err != nil {
			return err
		}
	}
	if err := room.save(c); err != nil {
		return err
	}
	return c.makeRoom(p, jobs)
}

// assignJob hands out one job's tasks until there is no room, no task that
// fits, or the job has as many running as it may.
func (c *change) assignJob(room *room, row store.Job) error {
	room.priority, room.barred = row.Priority, nil
	allowed := room.total()
	if row.MaxParallel >= 0 {
		allowed = min(allowed, row.MaxParallel-row.Tasks.Running)
	}
	var j *job          // read when it is needed: most jobs of a busy pool have to wait
	var last store.Task // of those that have been looked at
	least := max(1, row.LeastSlots)
	for more := true; more && allowed > 0 && room.largest() >= least; {
		limit := int(min(allowed, room.total()))
		tasks, err := c.ReadyTasks(row.Key, room.largest(), last, limit)
		if err != nil || len(tasks) == 0 {
			return err
		}
		more, last = len(tasks) == limit, tasks[len(tasks)-1]
		if j == nil {
			if j, err = readJob(row, true, nil); err != nil {
				return err
			}
			if room.barred, err = c.barred(j); err != nil {
				return err
			}
		}
		for _, row := range tasks {
			t := &task{row}
			spec, err := t.spec()
			if err != nil {
				return err
			}
			where := j.placementOf(t, spec)
			nodes := room.take(where)
			if nodes == nil {
				continue // an earlier one of these took the room, or there is none of its kind
			}
			r, err := c.start(room.pool, j, nodes, t, spec)
			if err != nil {
				return err
			}
			r.exclusive = where.exclusive
			allowed--
		}
	}
	return nil
}

// start makes t a running task of its nodes, of which a multi-instance task has
// several. Its process starts when the change is committed.
func (c *change) start(p *pool, j *job, nodes []*store.Node, t *task, spec *taskSpec) (*run, error) {
	n := nodes[0]
	r := &run{
		task: t.Key, job: t.Job, node: n.Key, poolID: p.ID, jobID: j.ID, slots: t.Slots,
		heeded: j.heedsEndOf(t), manages: j.manages(t),
		command: c.s.command(p, j, n, spec), spec: spec, body: t.Body,
		ended: make(chan struct{}),
	}
	r.preemptible.Store(j.AllowTaskPreemption && t.Instances == 0)
	for _, n := range nodes {
		preparation, err := c.prepare(p, j, n)
		if err != nil {
			return nil, err
		}
		if preparation != nil {
			r.preparations = append(r.preparations, preparation)
		}
		n.Recent = recentTasks(n.Recent, t.Key)
	}
	if r.preparations != nil {
		t.move(preparing, c.now)
	} else {
		t.move(running, c.now)
		t.Started = c.now
	}
	t.Ready, t.PoolID, t.NodeID = 0, p.ID, n.ID
	if t.Instances > 0 {
		if err := c.coordinate(r, p, j, nodes, t, spec); err != nil {
			return nil, err
		}
	}
	if err := c.UpdateTask(t.Task); err != nil {
		return nil, err
	}
	if err := c.count(t, active, running); err != nil {
		return nil, err
	}
	r.ctx, r.cancel = context.WithCancel(c.s.ctx)
	c.s.runs.add(r.task, r)
	c.started = append(c.started, r)
	return r, nil
}
