package activities

import (
	"cmp"
	"context"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/durabatch/durabatch/workload"
)

// SweepInput says how a sweep goes about its work.
type SweepInput struct {
	// Delete deletes what is found; without it the sweep only tells.
	Delete bool `json:"delete"`
	// Grace is how long nobody must have owned a resource: since the run ended
	// or, where Temporal does not know the run any more, since it was created.
	Grace workload.Duration `json:"grace"`
	// Lost are ids of Temporal namespaces that are gone for good. What their
	// runs left is treated like that of runs Temporal does not know.
	Lost []string `json:"lost,omitempty"`
}

// SweepResult says what a sweep found. Its lists are bounded; its counts are
// of everything.
type SweepResult struct {
	Deleted   bool        `json:"deleted"`             // false: it was a dry run, and Leftovers would be deleted
	Leftovers []Leftover  `json:"leftovers,omitempty"` // the first 100
	Pools     int         `json:"pools"`               // leftovers by kind
	Jobs      int         `json:"jobs"`
	Inputs    int         `json:"inputContainers"`
	Failed    int         `json:"failed,omitempty"`    // leftovers that could not be deleted
	Alive     int         `json:"alive"`               // resources of runs that live
	Recent    int         `json:"recent"`              // resources of runs that ended within the grace time
	Kept      int         `json:"kept"`                // resources that somebody decided to keep
	Foreign   []Elsewhere `json:"elsewhere,omitempty"` // resources of runs of other namespaces, which were not touched
	// NodeHours and Cost are what the leftovers would have cost in one more day:
	// cost in dollars at the list price, of the sizes whose price is known.
	NodeHours float64 `json:"nodeHoursADay"`
	Cost      float64 `json:"dollarsADay"`
}

// Leftover is a resource whose run does not live.
type Leftover struct {
	Kind       string  `json:"kind"` // pool, job or container
	Name       string  `json:"name"`
	WorkflowID string  `json:"workflowId"`
	Why        string  `json:"why"`
	Nodes      int32   `json:"nodes,omitempty"`
	VMSize     string  `json:"vmSize,omitempty"`
	Cost       float64 `json:"dollarsADay,omitempty"`
	Error      string  `json:"error,omitempty"` // why it could not be deleted

	mark    mark
	created time.Time
}

// Elsewhere are the resources of a namespace that this worker cannot ask.
type Elsewhere struct {
	Namespace   string `json:"namespace"`
	NamespaceID string `json:"namespaceId"`
	Resources   int    `json:"resources"`
}

// The kinds of leftovers.
const (
	poolKind      = "pool"
	jobKind       = "job"
	containerKind = "container"
)

const (
	maxLeftovers = 100 // in a result, which passes through history
	maxForeign   = 20
	sweepers     = 8 // deletions at a time
)

// Sweep looks for pools, jobs and input containers whose run does not live any
// more and deletes them. It never touches what lacks our mark, bears the mark
// of another namespace, or was kept by somebody's decision. A resource that
// cannot be deleted does not keep the others from it.
func (a *Activities) Sweep(ctx context.Context, in SweepInput) (SweepResult, error) {
	if a.Runs == nil {
		return SweepResult{}, refuse("NoTemporal", "this worker cannot ask Temporal which runs live")
	}
	defer alive(ctx)()
	s := &sweep{Activities: a, in: in, now: time.Now(), states: map[Owner]RunState{}, foreign: map[string]*Elsewhere{}}
	found, err := s.leftovers(ctx)
	if err != nil {
		return SweepResult{}, err
	}
	if in.Delete {
		if err := s.delete(ctx, found); err != nil {
			return SweepResult{}, err
		}
	}
	return s.result(found), nil
}

// sweep is one sweep.
type sweep struct {
	*Activities
	in  SweepInput
	now time.Time

	states              map[Owner]RunState
	foreign             map[string]*Elsewhere // by the id of the namespace
	alive, recent, kept int
}

// delete deletes leftovers and notes of each that it could not.
func (s *sweep) delete(ctx context.Context, found []Leftover) error {
	var g errgroup.Group
	g.SetLimit(sweepers)
	for i := range found {
		g.Go(func() error {
			err := s.deleteOne(ctx, &found[i])
			if err != nil {
				found[i].Error = err.Error()
			}
			s.Metrics.deleted(ctx, found[i].Kind, err)
			return ctx.Err()
		})
	}
	return g.Wait()
}

// deleteOne looks again whether the resource is still the run's.
func (s *sweep) deleteOne(ctx context.Context, l *Leftover) error {
	switch l.Kind {
	case jobKind:
		return s.DeleteJob(ctx, JobInput{Owner: l.mark.Owner, Job: l.Name})
	case poolKind:
		return s.DeletePool(ctx, PoolInput{Owner: l.mark.Owner, Pool: l.Name})
	default:
		return s.DeleteContainer(ctx, DeleteContainerInput{Owner: l.mark.Owner, Container: l.Name})
	}
}

func (s *sweep) result(found []Leftover) SweepResult {
	r := SweepResult{Deleted: s.in.Delete, Alive: s.alive, Recent: s.recent, Kept: s.kept}
	for _, l := range found {
		switch l.Kind {
		case jobKind:
			r.Jobs++
		case poolKind:
			r.Pools++
		default:
			r.Inputs++
		}
		if l.Error != "" {
			r.Failed++
		}
		r.NodeHours += 24 * float64(l.Nodes)
		r.Cost += l.Cost
	}
	r.Leftovers = found[:min(len(found), maxLeftovers)]
	for _, elsewhere := range s.foreign {
		r.Foreign = append(r.Foreign, *elsewhere)
	}
	slices.SortFunc(r.Foreign, func(a, b Elsewhere) int { return cmp.Compare(a.NamespaceID, b.NamespaceID) })
	r.Foreign = r.Foreign[:min(len(r.Foreign), maxForeign)]
	return r
}
