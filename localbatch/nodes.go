package localbatch

import (
	"net/http"
	"strings"

	"github.com/durabatch/durabatch/localbatch/store"
)

func (s *Service) listNodes(r *http.Request) (reply, error) {
	return s.list(r, "nodes", nodeFields, func(tx *store.Tx, list listQuery) ([]listed, error) {
		var items []listed
		p, err := findPool(tx, r.PathValue("pool"))
		if err != nil {
			return nil, err
		}
		rows, err := tx.Nodes(p.key)
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			n, err := readNode(row)
			if err != nil {
				return nil, err
			}
			document, err := s.nodeDocument(tx, r, p, n, list.fields)
			if err != nil {
				return nil, err
			}
			items = append(items, listed{strings.ToLower(n.ID), document, n.property})
		}
		return items, nil
	})
}

func (s *Service) getNode(r *http.Request) (reply, error) {
	var document nodeDocument
	fields := selected(r.URL.Query())
	err := s.store.View(func(tx *store.Tx) error {
		p, n, err := findNode(tx, r.PathValue("pool"), r.PathValue("node"))
		if err != nil {
			return err
		}
		document, err = s.nodeDocument(tx, r, p, n, fields)
		return err
	})
	if err != nil {
		return reply{}, err
	}
	body, err := project(document, fields)
	return reply{status: http.StatusOK, meta: "nodes/@Element", body: body}, err
}

func (s *Service) disableScheduling(r *http.Request) (reply, error) {
	var body struct {
		NodeDisableSchedulingOption string `json:"nodeDisableSchedulingOption"`
	}
	if err := readOptionalBody(r, &body); err != nil {
		return reply{}, err
	}
	option := &body.NodeDisableSchedulingOption
	if err := oneOf("nodeDisableSchedulingOption", option, requeueTasks, terminateTasks, awaitTasks); err != nil {
		return reply{}, err
	}
	return s.setScheduling(r, disabled, func(c *change, n *computeNode, _ *pool) error {
		n.Open = false
		switch *option {
		case requeueTasks:
			c.stopAll(s.runs.ofNode(n.Key), requeue)
		case terminateTasks:
			c.stopAll(s.runs.ofNode(n.Key), terminate)
		}
		return nil
	})
}

func (s *Service) enableScheduling(r *http.Request) (reply, error) {
	return s.setScheduling(r, enabled, func(c *change, n *computeNode, p *pool) error {
		if n.State == offline || n.State == running {
			return c.open(n, p)
		}
		return nil
	})
}

func (s *Service) setScheduling(r *http.Request, state string, f func(*change, *computeNode, *pool) error) (reply, error) {
	err := s.change(func(c *change) error {
		p, n, err := findNode(c.Tx, r.PathValue("pool"), r.PathValue("node"))
		if err != nil {
			return err
		}
		if n.SchedulingState == state {
			return conflict("NodeAlreadyInTargetSchedulingState", "The specified node is already in the target scheduling state.")
		}
		n.SchedulingState = state
		if err := f(c, n, p); err != nil {
			return err
		}
		settleNode(&n.Node, c.now)
		return c.saveNode(n)
	})
	return reply{status: http.StatusOK}, err
}

// countedStates are the counters of a node count, one for each state.
var countedStates = []string{
	creating, idle, leavingPool, offline, preempted, rebooting, reimaging, running, starting,
	startTaskFailed, unknown, unusable, waitingForStartTask, deallocated, deallocating, "upgradingos",
}

// counters are the names of those that differ from their states'.
var counters = map[string]string{
	leavingPool: "leavingPool", startTaskFailed: "startTaskFailed",
	waitingForStartTask: "waitingForStartTask", "upgradingos": "upgradingOS",
}

type nodeCounts struct {
	PoolID      string         `json:"poolId"`
	Dedicated   map[string]int `json:"dedicated"`
	LowPriority map[string]int `json:"lowPriority"`
}

func countNodes(poolID string, nodes []store.Node) nodeCounts {
	counts := nodeCounts{poolID, map[string]int{"total": 0}, map[string]int{"total": 0}}
	count := func(counts map[string]int, state string, n int) {
		if name, ok := counters[state]; ok {
			state = name
		}
		counts[state] += n
		counts["total"] += n
	}
	for _, state := range countedStates {
		count(counts.Dedicated, state, 0)
		count(counts.LowPriority, state, 0)
	}
	for _, n := range nodes {
		if n.Dedicated {
			count(counts.Dedicated, n.State, 1)
		} else {
			count(counts.LowPriority, n.State, 1)
		}
	}
	return counts
}

func (s *Service) nodeCounts(r *http.Request) (reply, error) {
	list, err := parseList(r, fields{"poolId": equalKind})
	if err != nil {
		return reply{}, err
	}
	var items []listed
	err = s.store.View(func(tx *store.Tx) error {
		pools, err := tx.Pools()
		if err != nil {
			return err
		}
		for _, p := range pools {
			nodes, err := tx.Nodes(p.Key)
			if err != nil {
				return err
			}
			items = append(items, listed{strings.ToLower(p.ID), countNodes(p.ID, nodes), func(string) any { return p.ID }})
		}
		return nil
	})
	if err != nil {
		return reply{}, err
	}
	return s.pageOf(r, "poolnodecounts", list, items)
}
