package localbatch

import "github.com/durabatch/durabatch/localbatch/store"

// placement is what a task asks of the node that it runs on.
type placement struct {
	task      int64 // its key
	slots     int32
	instances int32 // nodes that it needs at the same time; 0: one, and it is no multi-instance task
	exclusive bool  // nothing else may run there meanwhile
	dedicated bool  // no low-priority node will do
	affinity  string
}

// placementOf is where t may run, and where it would like to.
func (j *job) placementOf(t *task, spec *taskSpec) placement {
	p := placement{task: t.Key, slots: t.Slots, instances: t.Instances}
	if spec.AffinityInfo != nil {
		p.affinity = spec.AffinityInfo.AffinityID
	}
	if j.manages(t) {
		p.exclusive = *j.JobManagerTask.RunExclusive
		p.dedicated = !*j.JobManagerTask.AllowLowPriorityNode
	}
	return p
}

// room is what a pool's nodes have left.
type room struct {
	pool     *pool
	nodes    []store.Node
	changed  []bool
	reserved int            // the index of a node that is being emptied for a task, or -1
	barred   map[int64]bool // nodes that the job at hand cannot use

	// claims are on the nodes, by their keys, on which room is being made for
	// tasks; priority is that of the job at hand.
	claims   map[int64][]claim
	priority int32

	open []int64 // all nodes that take tasks, if they take multi-instance tasks
	held bool    // what is left is for such a task
}

// free is the number of slots that the node i has left.
func (r *room) free(i int) int32 {
	if r.held || r.nodes[i].Exclusive || i == r.reserved || r.barred[r.nodes[i].Key] || r.outranked(r.nodes[i]) {
		return 0
	}
	return r.pool.TaskSlotsPerNode - r.nodes[i].RunningSlots
}

// outranked says whether room is being made on n, for jobs of higher priority
// than that at hand alone.
func (r *room) outranked(n store.Node) bool {
	claims := r.claims[n.Key]
	for _, c := range claims {
		if c.priority <= r.priority {
			return false
		}
	}
	return len(claims) > 0
}

// largest is the number of slots that one task can have.
func (r *room) largest() int32 {
	var most int32
	for i := range r.nodes {
		most = max(most, r.free(i))
	}
	return most
}

func (r *room) total() int32 {
	var sum int32
	for i := range r.nodes {
		sum += r.free(i)
	}
	return sum
}

// fits says whether the node i has room for a task now.
func (r *room) fits(i int, p placement) bool {
	n := r.nodes[i]
	return r.free(i) >= p.slots && !r.claimed(n, p) && (n.Dedicated || !p.dedicated) && (n.RunningTasks == 0 || !p.exclusive)
}

// claimed says whether room is being made on n for others than this task: for
// one that does not rank below its job's.
func (r *room) claimed(n store.Node, p placement) bool {
	outranked := false
	for _, c := range r.claims[n.Key] {
		if c.task == p.task {
			return false
		}
		outranked = outranked || c.priority >= r.priority
	}
	return outranked
}

// better says whether the node i is to be taken before the node j: the one that
// the task would like, then the emptier one, or the fuller one where the pool's
// tasks are packed.
func (r *room) better(i, j int, p placement) bool {
	if p.affinity != "" {
		liked, other := p.affinity == affinityOf(r.nodes[i].ID), p.affinity == affinityOf(r.nodes[j].ID)
		if liked != other {
			return liked
		}
	}
	if r.pool.TaskSchedulingPolicy.NodeFillType == "pack" {
		return r.free(i) < r.free(j)
	}
	return r.free(i) > r.free(j)
}

// take finds the node for a task, or its nodes. nil: there is no room.
func (r *room) take(p placement) []*store.Node {
	if p.instances > 0 {
		return r.takeSeveral(p)
	}
	best := -1
	for i := range r.nodes {
		if r.fits(i, p) && (best < 0 || r.better(i, best, p)) {
			best = i
		}
	}
	if best < 0 {
		if p.exclusive {
			r.reserve(p)
		}
		return nil
	}
	return []*store.Node{r.use(best, p)}
}

// use puts a task on the node i.
func (r *room) use(i int, p placement) *store.Node {
	if r.changed == nil {
		r.changed = make([]bool, len(r.nodes))
	}
	r.changed[i] = true
	n := &r.nodes[i]
	n.RunningSlots += p.slots
	n.RunningTasks++
	n.Exclusive = p.exclusive
	return n
}

// reserve keeps further tasks off the node that will be empty soonest, for a
// task whose turn it is and that needs a node for itself: others would fill
// every gap for ever.
func (r *room) reserve(p placement) {
	for i, n := range r.nodes {
		suits := r.free(i) > 0 && p.slots <= r.pool.TaskSlotsPerNode && (n.Dedicated || !p.dedicated)
		if suits && (r.reserved < 0 || n.RunningTasks < r.nodes[r.reserved].RunningTasks) {
			r.reserved = i
		}
	}
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
