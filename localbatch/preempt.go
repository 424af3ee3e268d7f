package localbatch

import (
	"cmp"
	"slices"

	"github.com/durabatch/durabatch/localbatch/store"
)

// makeRoom is for a pool whose nodes have no room for what waits: it has tasks
// requeued whose jobs allow it, for those of jobs with a higher priority (Batch
// REST reference, "allowTaskPreemption"). The room is there when they have
// ended; until then it is kept for who it was made for.
func (c *change) makeRoom(p *pool, waiting []store.Job) error {
	victims, err := c.preemptible(p.ID)
	if err != nil || len(victims) == 0 {
		return err
	}
	nodes, err := c.Nodes(p.key)
	if err != nil {
		return err
	}
	plan := &preemption{pool: p, victims: victims}
	for _, n := range nodes {
		if n.Open {
			plan.nodes = append(plan.nodes, c.plannedNode(p, n))
		}
	}
	for _, row := range waiting {
		if row.Priority <= victims[0].priority {
			break
		}
		if err := c.makeRoomFor(plan, row); err != nil {
			return err
		}
	}
	return nil
}

// makeRoomFor plans for as many tasks of a job as may run, in their order.
func (c *change) makeRoomFor(plan *preemption, row store.Job) error {
	row, ok, err := c.JobByKey(row.Key) // some of its tasks may have been assigned just now
	if err != nil || !ok {
		return err
	}
	limit := int32(len(plan.victims))
	if row.MaxParallel >= 0 {
		limit = min(limit, row.MaxParallel-row.Tasks.Running)
	}
	if limit <= 0 {
		return nil
	}
	tasks, err := c.ReadyTasks(row.Key, plan.pool.TaskSlotsPerNode, store.Task{}, int(limit))
	if err != nil || len(tasks) == 0 {
		return err
	}
	j, err := readJob(row, true, nil)
	if err != nil {
		return err
	}
	if plan.barred, err = c.barred(j); err != nil {
		return err
	}
	for _, row := range tasks {
		t := &task{row}
		spec, err := t.spec()
		if err != nil {
			return err
		}
		if spec.instances() > 0 {
			continue // no nodes are emptied for it: they are held for it as they become free
		}
		for _, r := range plan.choose(j.placementOf(t, spec), j.Priority) {
			c.then(func() { r.makeWay(claim{t.Key, j.Priority}) })
		}
	}
	return nil
}

// claim is a task for which room is being made, and its job's priority.
type claim struct {
	task     int64
	priority int32
}

// victim is a run that may be ended for tasks of higher priority than its job's.
type victim struct {
	*run
	priority int32
}

// preemptible are the runs on a pool's nodes whose jobs allow preemption: those
// of the lowest priority first, and of these the latest.
func (c *change) preemptible(poolID string) ([]victim, error) {
	var victims []victim
	priorities := map[int64]int32{}
	for _, r := range c.s.runs.where(func(r *run) bool { return r.poolID == poolID && r.preemptible.Load() }) {
		priority, known := priorities[r.job]
		if !known {
			row, ok, err := c.JobByKey(r.job)
			if err != nil {
				return nil, err
			}
			if !ok {
				continue
			}
			priority = row.Priority
			priorities[r.job] = priority
		}
		if r.why() == goOn {
			victims = append(victims, victim{r, priority})
		}
	}
	slices.SortFunc(victims, func(a, b victim) int {
		return cmp.Or(cmp.Compare(a.priority, b.priority), -cmp.Compare(a.task, b.task))
	})
	return victims, nil
}

// preemption is a plan of what is to end. Its nodes are as they will be then.
type preemption struct {
	pool    *pool
	victims []victim
	nodes   []plannedNode
	barred  map[int64]bool // nodes that the job at hand cannot use
}

type plannedNode struct {
	store.Node
	slots, tasks int32 // in use
}

// plannedNode counts what is ending on n already as ended.
func (c *change) plannedNode(p *pool, n store.Node) plannedNode {
	planned := plannedNode{Node: n, slots: n.RunningSlots, tasks: n.RunningTasks}
	for _, r := range c.s.runs.ofNode(n.Key) {
		if r.why() != goOn {
			planned.slots -= r.slots
			planned.tasks--
		}
	}
	if n.Exclusive && planned.tasks > 0 {
		planned.slots = p.TaskSlotsPerNode
	}
	return planned
}

// choose takes the runs that have to end for a task of a priority out of those
// that may, where the fewest have to, and of such places where the first of
// them do; none if there will be room without, or cannot be any.
func (m *preemption) choose(p placement, priority int32) []*run {
	best := -1
	var fewest []victim
	for i := range m.nodes {
		chosen, possible := m.chooseOn(i, p, priority)
		if possible && (best < 0 || len(chosen) < len(fewest) || len(chosen) == len(fewest) && m.before(chosen, fewest)) {
			best, fewest = i, chosen
		}
	}
	if best < 0 {
		return nil
	}
	n := &m.nodes[best]
	var runs []*run
	for _, v := range fewest {
		n.slots -= v.slots
		n.tasks--
		runs = append(runs, v.run)
	}
	m.victims = slices.DeleteFunc(m.victims, func(v victim) bool { return slices.Contains(runs, v.run) })
	n.slots += p.slots
	n.tasks++
	if p.exclusive {
		n.slots = m.pool.TaskSlotsPerNode
	}
	return runs
}

// before says that the first of some victims comes before the first of others.
func (m *preemption) before(some, others []victim) bool {
	return len(some) > 0 && slices.Index(m.victims, some[0]) < slices.Index(m.victims, others[0])
}

// chooseOn is choose for one node; false: there can be no room on it.
func (m *preemption) chooseOn(i int, p placement, priority int32) ([]victim, bool) {
	n := m.nodes[i]
	if m.barred[n.Key] || p.dedicated && !n.Dedicated {
		return nil, false
	}
	var chosen []victim
	slots, tasks := n.slots, n.tasks
	enough := func() bool {
		return m.pool.TaskSlotsPerNode-slots >= p.slots && (tasks == 0 || !p.exclusive)
	}
	for _, v := range m.victims {
		if enough() || v.priority >= priority {
			break
		}
		if v.node == n.Key {
			chosen = append(chosen, v)
			slots -= v.slots
			tasks--
			if tasks == 0 {
				slots = 0 // one that had the node for itself is gone
			}
		}
	}
	return chosen, enough()
}
