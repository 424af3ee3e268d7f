package page

import (
	"context"
	"net/http"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"golang.org/x/sync/errgroup"
)

// Pools and jobs on the page: more are counted as more.
const mostPools, mostJobs = 20, 50

// about is what does not change while the page is open.
type about struct {
	TemporalUI string `json:"temporalUI,omitempty"`
	EnvFile    string `json:"envFile,omitempty"`
}

// overview is what the page asks for each second.
type overview struct {
	about
	Pools     []pool `json:"pools"`
	MorePools bool   `json:"morePools,omitempty"`
	Jobs      []job  `json:"jobs"`
	MoreJobs  bool   `json:"moreJobs,omitempty"`
}

type pool struct {
	ID              string    `json:"id"`
	State           string    `json:"state"`
	AllocationState string    `json:"allocationState"`
	VMSize          string    `json:"vmSize"`
	Created         time.Time `json:"created"`
	Dedicated       int32     `json:"dedicated"`
	Spot            int32     `json:"spot"`
	Target          int32     `json:"target"` // of both
	SlotsPerNode    int32     `json:"slotsPerNode"`
	Errors          []fault   `json:"errors,omitempty"`
}

// fault is an error that Batch shows on a pool, node or task.
type fault struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

type job struct {
	ID      string    `json:"id"`
	State   string    `json:"state"`
	Pool    string    `json:"pool"`
	Created time.Time `json:"created"`
	Ended   time.Time `json:"ended,omitzero"`
	Reason  string    `json:"reason,omitempty"` // why it ended
	Tasks   counts    `json:"tasks"`
}

// counts are a job's tasks by state, those that ended by result.
type counts struct {
	Active    int32 `json:"active"`
	Running   int32 `json:"running"`
	Succeeded int32 `json:"succeeded"`
	Failed    int32 `json:"failed"`
}

// firstPage is the first page of a list, and whether there are more; the zero
// page for an empty list.
func firstPage[T any](ctx context.Context, pager *runtime.Pager[T], next func(T) *string) (page T, more bool, err error) {
	if !pager.More() {
		return page, false, nil
	}
	page, err = pager.NextPage(ctx)
	return page, err == nil && value(next(page)) != "", err
}

func (s *server) overview(r *http.Request) (any, error) {
	o := overview{about: s.about}
	g, ctx := errgroup.WithContext(r.Context())
	g.Go(func() (err error) {
		o.Pools, o.MorePools, err = s.pools(ctx)
		return err
	})
	g.Go(func() (err error) {
		o.Jobs, o.MoreJobs, err = s.jobs(ctx)
		return err
	})
	return o, g.Wait()
}

func (s *server) pools(ctx context.Context) ([]pool, bool, error) {
	page, more, err := firstPage(ctx, s.batch.NewListPoolsPager(&azbatch.ListPoolsOptions{
		MaxResults: to.Ptr(int32(mostPools)),
		SelectParam: []string{"id", "state", "allocationState", "vmSize", "creationTime", "resizeErrors", "taskSlotsPerNode",
			"currentDedicatedNodes", "currentLowPriorityNodes", "targetDedicatedNodes", "targetLowPriorityNodes"},
	}), func(p azbatch.ListPoolsResponse) *string { return p.NextLink })
	pools := []pool{}
	for _, p := range page.Value {
		shown := pool{
			ID: value(p.ID), State: string(value(p.State)), AllocationState: string(value(p.AllocationState)),
			VMSize: value(p.VMSize), Created: value(p.CreationTime),
			Dedicated: value(p.CurrentDedicatedNodes), Spot: value(p.CurrentLowPriorityNodes),
			Target:       value(p.TargetDedicatedNodes) + value(p.TargetLowPriorityNodes),
			SlotsPerNode: max(value(p.TaskSlotsPerNode), 1),
		}
		for _, e := range p.ResizeErrors {
			shown.Errors = append(shown.Errors, fault{value(e.Code), value(e.Message)})
		}
		pools = append(pools, shown)
	}
	return pools, more, err
}

func (s *server) jobs(ctx context.Context) ([]job, bool, error) {
	page, more, err := firstPage(ctx, s.batch.NewListJobsPager(&azbatch.ListJobsOptions{
		MaxResults:  to.Ptr(int32(mostJobs)),
		SelectParam: []string{"id", "state", "creationTime", "poolInfo", "executionInfo"},
	}), func(p azbatch.ListJobsResponse) *string { return p.NextLink })
	if err != nil {
		return nil, false, err
	}
	jobs := make([]job, len(page.Value))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(8)
	for i, j := range page.Value {
		g.Go(func() (err error) {
			jobs[i], err = s.job(ctx, j)
			return err
		})
	}
	return jobs, more, g.Wait()
}

// job shows a job with its counts. One that is deleted meanwhile has none.
func (s *server) job(ctx context.Context, j azbatch.Job) (job, error) {
	shown := job{ID: value(j.ID), State: string(value(j.State)), Created: value(j.CreationTime)}
	if j.PoolInfo != nil {
		shown.Pool = value(j.PoolInfo.PoolID)
	}
	if info := j.ExecutionInfo; info != nil {
		shown.Ended, shown.Reason = value(info.EndTime), value(info.TerminationReason)
		if shown.Pool == "" {
			shown.Pool = value(info.PoolID) // of an auto pool
		}
	}
	answer, err := s.batch.GetJobTaskCounts(ctx, shown.ID, nil)
	if isGone(err) {
		return shown, nil
	}
	if c := answer.TaskCounts; c != nil {
		shown.Tasks = counts{value(c.Active), value(c.Running), value(c.Succeeded), value(c.Failed)}
	}
	return shown, err
}
