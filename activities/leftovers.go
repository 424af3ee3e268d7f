package activities

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"go.temporal.io/sdk/activity"

	"github.com/durabatch/durabatch/azure"
)

// leftovers lists what is to be deleted: jobs before the pools that they are
// on, and containers last.
func (s *sweep) leftovers(ctx context.Context) ([]Leftover, error) {
	containers, keptOf, err := s.containers(ctx)
	if err != nil {
		return nil, err
	}
	jobs, err := s.jobs(ctx)
	if err != nil {
		return nil, err
	}
	pools, err := s.pools(ctx)
	if err != nil {
		return nil, err
	}
	var left []Leftover
	for _, l := range slices.Concat(jobs, pools, containers) {
		activity.RecordHeartbeat(ctx)
		ownerless, err := s.judge(ctx, &l, keptOf[l.mark.RunID])
		if err != nil {
			return nil, err
		}
		if ownerless {
			left = append(left, l)
		}
	}
	return left, nil
}

// judge says whether nobody has owned l for the grace time, and why.
func (s *sweep) judge(ctx context.Context, l *Leftover, kept string) (bool, error) {
	state := RunState{}
	switch {
	case l.mark.namespaceID == s.Runs.NamespaceID():
		var err error
		if state, err = s.stateOf(ctx, l.mark.Owner); err != nil {
			return false, err
		}
	case !slices.Contains(s.in.Lost, l.mark.namespaceID):
		s.countForeign(l.mark)
		return false, nil
	}
	since := l.created
	l.Why = "Temporal does not know its run"
	if !state.Closed.IsZero() {
		since = state.Closed
		l.Why = fmt.Sprintf("its run ended %s ago (%s)", s.now.Sub(since).Round(time.Minute), state.Status)
	}
	switch {
	case state.Alive:
		s.alive++
	case keeps(kept, l.Kind):
		s.kept++
	case s.now.Sub(since) < time.Duration(s.in.Grace):
		s.recent++
	default:
		return true, nil
	}
	return false, nil
}

// stateOf asks Temporal once for each run.
func (s *sweep) stateOf(ctx context.Context, owner Owner) (RunState, error) {
	state, ok := s.states[owner]
	if ok {
		return state, nil
	}
	state, err := s.Runs.State(ctx, owner.WorkflowID, owner.RunID)
	s.states[owner] = state
	return state, err
}

func (s *sweep) countForeign(m mark) {
	elsewhere := s.foreign[m.namespaceID]
	if elsewhere == nil {
		elsewhere = &Elsewhere{Namespace: m.Namespace, NamespaceID: m.namespaceID}
		s.foreign[m.namespaceID] = elsewhere
	}
	elsewhere.Resources++
}

func (s *sweep) pools(ctx context.Context) ([]Leftover, error) {
	var found []Leftover
	pager := s.Batch.NewListPoolsPager(&azbatch.ListPoolsOptions{SelectParam: []string{
		"id", "state", "creationTime", "metadata", "vmSize", "currentDedicatedNodes", "currentLowPriorityNodes",
	}})
	for pager.More() {
		page, err := pager.NextPage(ctx)
		if err != nil {
			return nil, fail(err, "list the pools")
		}
		activity.RecordHeartbeat(ctx)
		for _, p := range page.Value {
			m, ok := markOnBatch(p.Metadata)
			if !ok || value(p.State) == azbatch.PoolStateDeleting {
				continue
			}
			l := leftover(poolKind, value(p.ID), m, value(p.CreationTime))
			l.VMSize, l.Nodes = value(p.VMSize), value(p.CurrentDedicatedNodes)+value(p.CurrentLowPriorityNodes)
			if price, ok := azure.HourlyPrice(l.VMSize); ok {
				l.Cost = price * 24 * float64(l.Nodes)
			}
			found = append(found, l)
		}
	}
	return found, nil
}

func (s *sweep) jobs(ctx context.Context) ([]Leftover, error) {
	var found []Leftover
	pager := s.Batch.NewListJobsPager(&azbatch.ListJobsOptions{SelectParam: []string{"id", "state", "creationTime", "metadata"}})
	for pager.More() {
		page, err := pager.NextPage(ctx)
		if err != nil {
			return nil, fail(err, "list the jobs")
		}
		activity.RecordHeartbeat(ctx)
		for _, j := range page.Value {
			if m, ok := markOnBatch(j.Metadata); ok && value(j.State) != azbatch.JobStateDeleting {
				found = append(found, leftover(jobKind, value(j.ID), m, value(j.CreationTime)))
			}
		}
	}
	return found, nil
}

// containers lists the input containers, and what is kept of each run by its
// first run id. Output containers are never deleted: they hold what the run
// was for.
func (s *sweep) containers(ctx context.Context) (inputs []Leftover, keptOf map[string]string, err error) {
	keptOf = map[string]string{}
	for pager := s.Storage.Containers(); pager.More(); {
		page, err := pager.NextPage(ctx)
		if err != nil {
			return nil, nil, fail(err, "list the containers")
		}
		activity.RecordHeartbeat(ctx)
		for _, c := range page.ContainerItems {
			m, kept, ok := markOnContainer(c.Metadata)
			switch {
			case !ok:
			case strings.HasSuffix(value(c.Name), "-in"):
				inputs = append(inputs, leftover(containerKind, value(c.Name), m, value(c.Properties.LastModified)))
			case kept != "":
				keptOf[m.RunID] = kept
			}
		}
	}
	return inputs, keptOf, nil
}

func leftover(kind, name string, m mark, created time.Time) Leftover {
	return Leftover{Kind: kind, Name: name, WorkflowID: m.WorkflowID, mark: m, created: created}
}
