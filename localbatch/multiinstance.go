package localbatch

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/durabatch/durabatch/localbatch/node"
	"github.com/durabatch/durabatch/localbatch/store"
)

// multiInstanceSettings make a task run on several nodes at the same time.
type multiInstanceSettings struct {
	NumberOfInstances       int32          `json:"numberOfInstances"`
	CoordinationCommandLine string         `json:"coordinationCommandLine"`
	CommonResourceFiles     []resourceFile `json:"commonResourceFiles,omitempty"`
}

// completeInstances checks what makes the task a multi-instance task, if
// anything does, and fills in the service's defaults.
func (t *taskSpec) completeInstances() error {
	const property = "multiInstanceSettings"
	m := t.MultiInstanceSettings
	if m == nil {
		return nil
	}
	if t.RequiredSlots != 1 {
		return invalidProperty("requiredSlots", fmt.Sprint(t.RequiredSlots), "a multi-instance task needs one slot of each of its nodes")
	}
	if t.ContainerSettings != nil {
		return unsupportedProperty("containerSettings", "localbatch runs no multi-instance tasks in containers")
	}
	if m.NumberOfInstances == 0 {
		m.NumberOfInstances = 1
	}
	if m.NumberOfInstances < 1 {
		return invalidProperty(property+".numberOfInstances", fmt.Sprint(m.NumberOfInstances), "it is 1 or more")
	}
	if strings.TrimSpace(m.CoordinationCommandLine) == "" {
		return missingProperty(property + ".coordinationCommandLine")
	}
	return within(property, checkResourceFiles(m.CommonResourceFiles))
}

// instances is how many nodes the task runs on; 0: it is no multi-instance task.
func (t *taskSpec) instances() int32 {
	if t.MultiInstanceSettings == nil {
		return 0
	}
	return t.MultiInstanceSettings.NumberOfInstances
}

// runsInstances says whether the pool's nodes take multi-instance tasks. In
// other pools these stay active (Azure documentation, "Use multi-instance tasks
// to run Message Passing Interface (MPI) applications in Batch").
func (p *pool) runsInstances() bool { return p.EnableInterNodeCommunication && p.TaskSlotsPerNode == 1 }

// openNodes are the nodes that a pool could give to a multi-instance task, now
// or later.
func (c *change) openNodes(p *pool) ([]int64, error) {
	if !p.runsInstances() {
		return nil, nil
	}
	nodes, err := c.Nodes(p.key)
	if err != nil {
		return nil, err
	}
	var open []int64
	for _, n := range nodes {
		if n.Open {
			open = append(open, n.Key)
		}
	}
	return open, nil
}

// takeSeveral finds as many nodes as a multi-instance task needs, or none. As
// no task ever has a part of what it needs, no two can wait for each other's.
//
// When the pool has that many nodes and some of them are busy, the free ones are
// held for the task, whose turn it is: one that needs a single node would
// always come first otherwise.
func (r *room) takeSeveral(p placement) []*store.Node {
	if !r.pool.runsInstances() {
		return nil
	}
	var found []int
	for i := range r.nodes {
		if r.fits(i, p) {
			found = append(found, i)
		}
	}
	if len(found) < int(p.instances) {
		reach := slices.DeleteFunc(slices.Clone(r.open), func(n int64) bool { return r.barred[n] })
		r.held = len(reach) >= int(p.instances)
		return nil
	}
	slices.SortStableFunc(found, func(i, j int) int {
		switch {
		case r.better(i, j, p):
			return -1
		case r.better(j, i, p):
			return 1
		}
		return 0
	})
	var nodes []*store.Node
	for _, i := range found[:p.instances] {
		nodes = append(nodes, r.use(i, p))
	}
	return nodes
}

// coordinate makes r the run of a multi-instance task, with an instance on each
// of nodes: the primary on the first one.
func (c *change) coordinate(r *run, p *pool, j *job, nodes []*store.Node, t *task, spec *taskSpec) error {
	r.instances = make([]instance, len(nodes))
	for i, n := range nodes {
		command := c.s.command(p, j, n, spec)
		shared := command.Dir
		if i > 0 {
			command.Dir = filepath.Join(shared, strconv.Itoa(i))
			command.CommandLine, command.ResourceFiles, command.OutputFiles, command.MaxWallClock = "", nil, nil, 0
		}
		command.Environment = append(slices.Clone(instanceEnvironment(p, nodes, i, shared)), command.Environment...)
		command.Environment = append(command.Environment,
			"AZ_BATCH_TASK_DIR="+command.Dir, "AZ_BATCH_TASK_WORKING_DIR="+filepath.Join(command.Dir, "wd"))
		command.Coordination = &node.Coordination{
			CommandLine: spec.MultiInstanceSettings.CoordinationCommandLine, SharedDir: shared,
			ResourceFiles: nodeResourceFiles(spec.MultiInstanceSettings.CommonResourceFiles),
		}
		r.instances[i] = instance{node: n.Key, nodeID: n.ID, command: command}
	}
	return c.beginSubtasks(r, t)
}

// instanceEnvironment is what the commands of a multi-instance task get beside
// what every task does (Azure documentation, "Azure Batch runtime environment
// variables"). The shared directory is each node's own, as in Azure; but here
// its path begins with the node's root and so differs from node to node.
func instanceEnvironment(p *pool, nodes []*store.Node, current int, shared string) []string {
	var addresses []string
	perNode := fmt.Sprint(len(nodes))
	for _, n := range nodes {
		address := nodeAddress(n.Key)
		addresses = append(addresses, address)
		perNode += fmt.Sprintf(" %s %d", address, vmCores(p.VMSize))
	}
	return []string{
		"AZ_BATCH_HOST_LIST=" + strings.Join(addresses, ","),
		"AZ_BATCH_NODE_LIST=" + strings.Join(addresses, ";"),
		"AZ_BATCH_MASTER_NODE=" + addresses[0] + ":6000",
		"AZ_BATCH_IS_CURRENT_NODE_MASTER=" + strconv.FormatBool(current == 0),
		"AZ_BATCH_TASK_SHARED_DIR=" + shared,
		"CCP_NODES=" + perNode,
	}
}
