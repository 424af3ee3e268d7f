package store

// Node is a row of a node.
type Node struct {
	Key, Pool      int64
	ID             string
	Dedicated      bool
	State          string
	StateTime      Time
	Open           bool // it takes new tasks
	RunningTasks   int32
	RunningSlots   int32
	Exclusive      bool // what runs there has the node for itself
	TasksRun       int32
	TasksSucceeded int32
	Recent         string // the keys of the tasks that began last, the last one first, parted by blanks
	Process        string // of the start task that runs now
	Body           []byte // the service's JSON
}

const nodeColumns = `key, pool, id, dedicated, state, state_time, open, running_tasks, running_slots, exclusive,
	tasks_run, tasks_succeeded, recent, process, body`

func scanNode(r row) (Node, error) {
	var n Node
	err := r.Scan(&n.Key, &n.Pool, &n.ID, &n.Dedicated, &n.State, &n.StateTime, &n.Open, &n.RunningTasks, &n.RunningSlots,
		&n.Exclusive, &n.TasksRun, &n.TasksSucceeded, &n.Recent, &n.Process, &n.Body)
	return n, err
}

// Node finds a node of a pool by its id, in any case of letters.
func (tx *Tx) Node(pool int64, id string) (Node, bool, error) {
	return one(tx, scanNode, "SELECT "+nodeColumns+" FROM nodes WHERE pool = ? AND id = ?", pool, id)
}

// NodeByKey finds a node by its key.
func (tx *Tx) NodeByKey(key int64) (Node, bool, error) {
	return one(tx, scanNode, "SELECT "+nodeColumns+" FROM nodes WHERE key = ?", key)
}

// Nodes lists the nodes of a pool by id.
func (tx *Tx) Nodes(pool int64) ([]Node, error) {
	return all(tx, scanNode, "SELECT "+nodeColumns+" FROM nodes WHERE pool = ? ORDER BY id", pool)
}

// OpenNodes lists the nodes of a pool that take tasks, have fewer than slots in
// use and none that wants the node for itself, oldest first.
func (tx *Tx) OpenNodes(pool int64, slots int32) ([]Node, error) {
	return all(tx, scanNode, "SELECT "+nodeColumns+
		" FROM nodes WHERE pool = ? AND open AND running_slots < ? AND NOT exclusive ORDER BY key", pool, slots)
}

// NodesWithProcess lists the nodes of all pools whose start task runs.
func (tx *Tx) NodesWithProcess() ([]Node, error) {
	return all(tx, scanNode, "SELECT "+nodeColumns+" FROM nodes WHERE process <> '' ORDER BY key")
}

// CountNodes says how many nodes all pools have together.
func (tx *Tx) CountNodes() (int, error) { return tx.count("SELECT count(*) FROM nodes") }

// NodeCount is how many nodes a pool has.
type NodeCount struct {
	Pool  int64
	Nodes int
}

// CountNodesByPool counts the nodes of a kind in each pool that has any.
func (tx *Tx) CountNodesByPool(dedicated bool) ([]NodeCount, error) {
	scan := func(r row) (c NodeCount, err error) {
		err = r.Scan(&c.Pool, &c.Nodes)
		return c, err
	}
	return all(tx, scan, "SELECT pool, count(*) FROM nodes WHERE dedicated = ? GROUP BY pool", dedicated)
}

// InsertNode adds n and returns its key.
func (tx *Tx) InsertNode(n Node) (int64, error) {
	return tx.insert(`INSERT INTO nodes (pool, id, dedicated, state, state_time, open, running_tasks, running_slots,
		tasks_run, tasks_succeeded, recent, process, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		n.Pool, n.ID, n.Dedicated, n.State, n.StateTime, n.Open, n.RunningTasks, n.RunningSlots,
		n.TasksRun, n.TasksSucceeded, n.Recent, n.Process, n.Body)
}

// UpdateNode writes all of n but its pool, id and kind.
func (tx *Tx) UpdateNode(n Node) error {
	return tx.exec(`UPDATE nodes SET state = ?, state_time = ?, open = ?, running_tasks = ?, running_slots = ?,
		exclusive = ?, tasks_run = ?, tasks_succeeded = ?, recent = ?, process = ?, body = ? WHERE key = ?`,
		n.State, n.StateTime, n.Open, n.RunningTasks, n.RunningSlots,
		n.Exclusive, n.TasksRun, n.TasksSucceeded, n.Recent, n.Process, n.Body, n.Key)
}

// SetNodeProcess records the process of a node's start task.
func (tx *Tx) SetNodeProcess(key int64, process string) error {
	return tx.exec("UPDATE nodes SET process = ? WHERE key = ?", process, key)
}

// DeleteNode removes a node.
func (tx *Tx) DeleteNode(key int64) error {
	return tx.exec("DELETE FROM nodes WHERE key = ?", key)
}
