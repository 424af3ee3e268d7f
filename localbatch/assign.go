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
	room := &room{pool: p, nodes: nodes}
	for _, job := range jobs {
		if room.largest() == 0 {
			break
		}
		if err := c.assignJob(room, job); err != nil {
			return err
		}
	}
	return room.save(c)
}

// assignJob hands out one job's tasks until there is no room, no task that
// fits, or the job has as many running as it may.
func (c *change) assignJob(room *room, row store.Job) error {
	allowed := room.total()
	if row.MaxParallel >= 0 {
		allowed = min(allowed, row.MaxParallel-row.Tasks.Running)
	}
	var j *job // read when it is needed: most jobs of a busy pool have to wait
	for allowed > 0 && room.largest() > 0 {
		tasks, err := c.ReadyTasks(row.Key, room.largest(), int(min(allowed, room.total())))
		if err != nil || len(tasks) == 0 {
			return err
		}
		if j == nil {
			if j, err = readJob(row, true, nil); err != nil {
				return err
			}
		}
		for _, t := range tasks {
			n := room.take(t.Slots)
			if n == nil {
				continue // an earlier one of these took the room
			}
			if err := c.start(room.pool, j, n, &task{t}); err != nil {
				return err
			}
			allowed--
		}
	}
	return nil
}

// start makes t a running task of n. Its process starts when the change is committed.
func (c *change) start(p *pool, j *job, n *store.Node, t *task) error {
	spec, err := t.spec()
	if err != nil {
		return err
	}
	t.move(running, c.now)
	t.Ready, t.Started, t.PoolID, t.NodeID = 0, c.now, p.ID, n.ID
	n.Recent = recentTasks(n.Recent, t.Key)
	if err := c.UpdateTask(t.Task); err != nil {
		return err
	}
	if err := c.count(t, active, running); err != nil {
		return err
	}
	r := &run{
		task: t.Key, job: t.Job, node: n.Key, poolID: p.ID, jobID: j.ID, slots: t.Slots, heeded: j.heedsTaskEnds(),
		command: c.s.command(p, j, n, spec),
		ended:   make(chan struct{}),
	}
	r.ctx, r.cancel = context.WithCancel(c.s.ctx)
	c.s.runs.add(r)
	c.started = append(c.started, r)
	return nil
}

// room is what a pool's nodes have left.
type room struct {
	pool    *pool
	nodes   []store.Node
	changed []bool
}

func (r *room) free(n store.Node) int32 { return r.pool.TaskSlotsPerNode - n.RunningSlots }

// largest is the number of slots that one task can have.
func (r *room) largest() int32 {
	var most int32
	for _, n := range r.nodes {
		most = max(most, r.free(n))
	}
	return most
}

func (r *room) total() int32 {
	var sum int32
	for _, n := range r.nodes {
		sum += r.free(n)
	}
	return sum
}

// take finds a node for a task: the emptiest one, or the fullest one where the
// pool's tasks are packed. nil: none has room.
func (r *room) take(slots int32) *store.Node {
	best := -1
	for i, n := range r.nodes {
		switch {
		case r.free(n) < slots:
		case best < 0,
			r.pool.TaskSchedulingPolicy.NodeFillType == "pack" && r.free(n) < r.free(r.nodes[best]),
			r.pool.TaskSchedulingPolicy.NodeFillType != "pack" && r.free(n) > r.free(r.nodes[best]):
			best = i
		}
	}
	if best < 0 {
		return nil
	}
	if r.changed == nil {
		r.changed = make([]bool, len(r.nodes))
	}
	r.changed[best] = true
	n := &r.nodes[best]
	n.RunningSlots += slots
	n.RunningTasks++
	return n
}

func (r *room) save(c *change) error {
	for i, changed := range r.changed {
		if !changed {
			continue
		}
		settleNode(&r.nodes[i], c.now)
		if err := c.UpdateNode(r.nodes[i]); err != nil {
			return err
		}
	}
	return nil
}
