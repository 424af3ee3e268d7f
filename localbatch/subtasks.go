package localbatch

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"sync"

	"github.com/durabatch/durabatch/localbatch/node"
	"github.com/durabatch/durabatch/localbatch/store"
)

// instance is a multi-instance task on one of its nodes: the primary, which
// comes first, or a subtask.
type instance struct {
	node    int64 // key
	nodeID  string
	command node.Task
	result  node.Result
}

// nodes are the keys of the nodes that r is on.
func (r *run) nodes() []int64 {
	if r.instances == nil {
		return []int64{r.node}
	}
	var keys []int64
	for _, i := range r.instances {
		keys = append(keys, i.node)
	}
	return keys
}

// on says whether a node is one of r's.
func (r *run) on(node int64) bool {
	return r.node == node || slices.ContainsFunc(r.instances, func(i instance) bool { return i.node == node })
}

// runInstances runs all instances of r to their ends. The primary's own command
// begins when every coordination command has succeeded, and its end is that of
// all; the failure of an instance is the task's (Azure documentation, "Use
// multi-instance tasks to run Message Passing Interface (MPI) applications in
// Batch").
func (s *Service) runInstances(r *run) node.Result {
	ctx, cancel := context.WithCancel(r.ctx)
	defer cancel()
	g := &gathering{coming: len(r.instances), all: make(chan struct{}), over: make(chan struct{})}
	var group sync.WaitGroup
	var once sync.Once
	first := 0 // whose result is the task's
	for i := range r.instances {
		group.Go(func() {
			instance := &r.instances[i]
			instance.result = s.runInstance(ctx, r, i, g)
			if i == 0 {
				close(g.over)
			}
			if instance.result.Failure != nil {
				once.Do(func() { first = i })
				cancel()
			}
		})
	}
	group.Wait()
	if r.ctx.Err() != nil {
		first = 0 // it was stopped, and so were all
	}
	result := r.instances[first].result
	if first > 0 {
		result.Failure = subtaskFailure(result.Failure, first)
	}
	return result
}

// gathering has the instances of a task wait for each other.
type gathering struct {
	mu     sync.Mutex
	coming int
	all    chan struct{} // closed when every instance is coordinated
	over   chan struct{} // closed when the primary has ended
}

// join returns when all instances have joined: for a subtask, when the primary
// has ended after that.
func (g *gathering) join(ctx context.Context, isPrimary bool) error {
	g.mu.Lock()
	if g.coming--; g.coming == 0 {
		close(g.all)
	}
	g.mu.Unlock()
	await := g.over
	if isPrimary {
		await = g.all
	}
	select {
	case <-await:
	case <-ctx.Done():
	}
	select {
	case <-await: // that comes first, should both have happened
		return nil
	default:
		return ctx.Err()
	}
}

func (s *Service) runInstance(ctx context.Context, r *run, i int, g *gathering) node.Result {
	command := r.instances[i].command
	command.Coordination.Await = func(ctx context.Context) error { return g.join(ctx, i == 0) }
	command.Coordination.OnStart = func(pgid int) {
		s.recordProcess(pgid, func(tx *store.Tx, process string) error {
			return tx.SetSubtaskProcess(r.task, int32(i), process)
		})
	}
	s.discard(command.Coordination.SharedDir) // of an earlier try
	return s.machine.Run(ctx, command, func(pgid int) { s.records.add(r.task, pgid) })
}

// subtaskFailure says in a task's failure which of its subtasks it is from.
func subtaskFailure(f *node.Failure, id int) *node.Failure {
	own := *f
	own.Details = append(slices.Clone(f.Details), node.Detail{Name: "SubtaskId", Value: strconv.Itoa(id)})
	return &own
}

// subtaskInfo is how a subtask is doing.
type subtaskInfo struct {
	stateChange
	StartTime   store.Time   `json:"startTime,omitzero"`
	EndTime     store.Time   `json:"endTime,omitzero"`
	ExitCode    *int32       `json:"exitCode,omitempty"`
	FailureInfo *failureInfo `json:"failureInfo,omitempty"`
	Result      string       `json:"result,omitempty"`
}

func (c *change) putSubtask(row store.Subtask, info subtaskInfo) (err error) {
	if row.Body, err = json.Marshal(info); err != nil {
		return err
	}
	return c.PutSubtask(row)
}

// beginSubtasks writes down the instances of a task that is being started.
func (c *change) beginSubtasks(r *run, t *task) error {
	for i, instance := range r.instances {
		info := subtaskInfo{stateChange: stateChange{State: t.State, StateTransitionTime: c.now}, StartTime: t.Started}
		row := store.Subtask{Job: t.Job, Task: t.Key, ID: int32(i), NodeID: instance.nodeID}
		if err := c.putSubtask(row, info); err != nil {
			return err
		}
	}
	return nil
}

// moveSubtasks applies f to the state of each subtask that is not completed.
func (c *change) moveSubtasks(t *task, f func(id int32, info *subtaskInfo)) error {
	rows, err := c.Subtasks(t.Key)
	if err != nil {
		return err
	}
	for _, row := range rows {
		var info subtaskInfo
		if err := json.Unmarshal(row.Body, &info); err != nil {
			return err
		}
		if info.State == completed {
			continue
		}
		f(row.ID, &info)
		row.Process = ""
		if err := c.putSubtask(row, info); err != nil {
			return err
		}
	}
	return nil
}

// endSubtasks writes down the ends of the instances of a task that is completed.
func (c *change) endSubtasks(t *task, instances []instance) error {
	return c.moveSubtasks(t, func(id int32, info *subtaskInfo) {
		result := endedUnrun
		if int(id) < len(instances) && !instances[id].result.Ended.IsZero() {
			result = instances[id].result
		}
		info.moveTo(completed, c.now)
		info.EndTime, info.ExitCode = c.now, result.ExitCode
		info.FailureInfo, info.Result = failureOf(result.Failure), resultOf(result.Failure)
	})
}

// subtaskDocument is a subtask as it is shown.
type subtaskDocument struct {
	ID       int32         `json:"id"`
	NodeInfo *taskNodeInfo `json:"nodeInfo"`
	subtaskInfo
}

// listSubtasks lists those of a multi-instance task but its primary, which is
// the task itself; other tasks have none.
func (s *Service) listSubtasks(r *http.Request) (reply, error) {
	var p page
	err := s.store.View(func(tx *store.Tx) error {
		j, t, err := findTask(tx, r.PathValue("job"), r.PathValue("task"))
		if err != nil || t.Instances == 0 {
			return err
		}
		rows, err := tx.Subtasks(t.Key)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if row.ID == 0 {
				continue
			}
			document := subtaskDocument{ID: row.ID}
			if err := json.Unmarshal(row.Body, &document.subtaskInfo); err != nil {
				return err
			}
			document.NodeInfo = nodeInfoOf(s.baseURL(r), t.PoolID, row.NodeID, taskRoot(j.ID, t.ID)+"/"+strconv.Itoa(int(row.ID)))
			if err := p.add(document, selected(r.URL.Query())); err != nil {
				return err
			}
		}
		return nil
	})
	return s.listReply(r, "subtasks", p, false, ""), err
}

// subtaskOn is the id of the subtask that a task has on a node; 0: none.
func subtaskOn(tx *store.Tx, t store.Task, nodeID string) (int32, error) {
	if t.Instances == 0 {
		return 0, nil
	}
	subtasks, err := tx.Subtasks(t.Key)
	for _, sub := range subtasks {
		if sub.NodeID == nodeID {
			return sub.ID, err
		}
	}
	return 0, err
}
