package localbatch

import (
	"encoding/json"

	"github.com/durabatch/durabatch/localbatch/store"
)

// change is one transaction of the service's state, and what has to happen in
// the world once it is committed: processes started and ended, directories
// removed. Changes never overlap, so a change can decide on what it has read.
//
// Whatever could let a task run calls assign; the tasks are handed to their
// nodes in the same transaction, so that nothing ever waits for a tick.
type change struct {
	*store.Tx
	s       *Service
	now     store.Time
	pools   []string // ids of the pools whose waiting tasks are assigned at the end
	started []*run
	after   []func()
	undo    []func()
}

// change applies f in a transaction. An error of f takes back everything.
func (s *Service) change(f func(*change) error) error {
	var c *change
	err := s.store.Update(func(tx *store.Tx) error {
		c = &change{Tx: tx, s: s, now: s.clock.now()}
		if err := f(c); err != nil {
			return err
		}
		return c.assignAll()
	})
	if err != nil {
		if c != nil {
			c.forgetStarted()
		}
		return err
	}
	for _, effect := range c.after {
		effect()
	}
	for _, r := range c.started {
		s.spawn(func() { s.execute(r) })
	}
	return nil
}

// then has effect called when the change is committed.
func (c *change) then(effect func()) { c.after = append(c.after, effect) }

// otherwise has undo called when the change is not committed after all.
func (c *change) otherwise(undo func()) { c.undo = append(c.undo, undo) }

// thenBeside has work done beside everything else when the change is committed.
func (c *change) thenBeside(work func()) { c.then(func() { c.s.spawn(work) }) }

// assign has the pool's waiting tasks assigned to its nodes, as far as they
// have room, at the end of the change.
func (c *change) assign(poolID string) { c.pools = append(c.pools, poolID) }

func (c *change) forgetStarted() {
	for _, r := range c.started {
		c.s.runs.remove(r.task)
	}
	for _, undo := range c.undo {
		undo()
	}
}

// What follows reads and writes whole resources: rows with their JSON.

func findPool(tx *store.Tx, id string) (*pool, error) {
	row, ok, err := tx.Pool(id)
	return readPool(row, ok, err)
}

func findPoolByKey(tx *store.Tx, key int64) (*pool, error) {
	row, ok, err := tx.PoolByKey(key)
	return readPool(row, ok, err)
}

func readPool(row store.Pool, ok bool, err error) (*pool, error) {
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, notFound("Pool")
	}
	p := &pool{key: row.Key}
	return p, json.Unmarshal(row.Body, p)
}

func (c *change) savePool(p *pool) error {
	body, err := json.Marshal(p)
	if err != nil {
		return err
	}
	row := store.Pool{Key: p.key, ID: p.ID, Body: body}
	if p.key != 0 {
		return c.UpdatePool(row)
	}
	p.key, err = c.InsertPool(row)
	return err
}

func findNode(tx *store.Tx, poolID, id string) (*pool, *computeNode, error) {
	p, err := findPool(tx, poolID)
	if err != nil {
		return nil, nil, err
	}
	row, ok, err := tx.Node(p.key, id)
	if err != nil {
		return nil, nil, err
	}
	if !ok {
		return nil, nil, notFound("Node")
	}
	n, err := readNode(row)
	return p, n, err
}

func readNode(row store.Node) (*computeNode, error) {
	n := &computeNode{Node: row, noted: row.State}
	return n, json.Unmarshal(row.Body, &nodeBody{&n.nodeInfo, &n.nodePlan})
}

func (c *change) saveNode(n *computeNode) (err error) {
	if n.Body, err = json.Marshal(nodeBody{&n.nodeInfo, &n.nodePlan}); err != nil {
		return err
	}
	c.noteState(n)
	if n.Key != 0 {
		return c.UpdateNode(n.Node)
	}
	n.Key, err = c.InsertNode(n.Node)
	return err
}

func findJob(tx *store.Tx, id string) (*job, error) {
	row, ok, err := tx.Job(id)
	return readJob(row, ok, err)
}

func readJob(row store.Job, ok bool, err error) (*job, error) {
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, notFound("Job")
	}
	j := &job{row: row}
	return j, json.Unmarshal(row.Body, j)
}

func (c *change) saveJob(j *job) error {
	body, err := json.Marshal(j)
	if err != nil {
		return err
	}
	j.row.ID, j.row.PoolID, j.row.State = j.ID, j.ExecutionInfo.PoolID, j.State
	j.row.Priority, j.row.MaxParallel, j.row.Body = j.Priority, *j.MaxParallelTasks, body
	if j.row.Key != 0 {
		return c.UpdateJob(j.row)
	}
	j.row.Key, err = c.InsertJob(j.row)
	return err
}

func findTask(tx *store.Tx, jobID, id string) (*job, *task, error) {
	j, err := findJob(tx, jobID)
	if err != nil {
		return nil, nil, err
	}
	row, ok, err := tx.Task(j.row.Key, id)
	if err != nil {
		return nil, nil, err
	}
	if !ok {
		return nil, nil, notFound("Task")
	}
	return j, &task{row}, nil
}
