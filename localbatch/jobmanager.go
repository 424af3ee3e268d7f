package localbatch

import (
	"strings"

	"github.com/durabatch/durabatch/localbatch/store"
)

// jobManagerComplete is the reason of a job's end with that of its job manager task.
const jobManagerComplete = "JMComplete"

// jobManagerTask is the task that a job is created with. It goes before the
// job's other tasks and may end the job (Batch REST reference, "JobManagerTask").
type jobManagerTask struct {
	taskSpec
	KillJobOnCompletion  *bool `json:"killJobOnCompletion,omitempty"`
	RunExclusive         *bool `json:"runExclusive,omitempty"`
	AllowLowPriorityNode *bool `json:"allowLowPriorityNode,omitempty"`
}

// complete checks the task, if there is one, and fills in the service's
// defaults; retries is the job's.
func (m *jobManagerTask) complete(retries int32) error {
	if m == nil {
		return nil
	}
	const noSuch = "a job manager task has no such property"
	switch {
	case m.DependsOn != nil:
		return unsupportedProperty("dependsOn", noSuch)
	case m.ExitConditions != nil:
		return unsupportedProperty("exitConditions", noSuch)
	case m.AffinityInfo != nil:
		return unsupportedProperty("affinityInfo", noSuch)
	case m.MultiInstanceSettings != nil:
		return unsupportedProperty("multiInstanceSettings", noSuch)
	}
	orDefault(&m.KillJobOnCompletion, true)
	orDefault(&m.RunExclusive, true)
	orDefault(&m.AllowLowPriorityNode, true)
	return m.taskSpec.complete(retries)
}

// manages says whether t is j's job manager task.
func (j *job) manages(t *task) bool {
	return j.JobManagerTask != nil && strings.EqualFold(j.JobManagerTask.ID, t.ID)
}

// firstInLine is the time since which job manager tasks wait: before all others.
const firstInLine store.Time = 1

// addManager adds j's job manager task, if it has one.
func (c *change) addManager(j *job) error {
	if j.JobManagerTask == nil {
		return nil
	}
	t, err := c.add(j, j.JobManagerTask.taskSpec)
	if err != nil {
		return err
	}
	if err := c.countAdded(j, []*task{t}); err != nil {
		return err
	}
	j.row.Tasks.Active++
	return c.putFirst(t)
}

// putFirst has a job manager task that waits for a node go before the job's
// other tasks.
func (c *change) putFirst(t *task) error {
	t.Ready = firstInLine
	return c.SetTaskReady(t.Task)
}
