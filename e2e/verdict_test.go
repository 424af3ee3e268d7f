package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/localbatch/faults"
	"github.com/durabatch/durabatch/localbatch/sharedkey"
	"github.com/durabatch/durabatch/workload"
)

const (
	// settled is how long a run has waited when it is looked at least often.
	settled = 105 * time.Second
	// verdictBound is how soon after an event a run has its verdict, or says why
	// it waits.
	verdictBound = 15 * time.Second
)

// verdict is a run to which something happens while it waits.
type verdict struct {
	name, pool string
	happened   func(*testing.T, *stack, workload.Resources, string) (time.Time, bool)
	reason     string // that it waits with; empty: it ends

	id, dir     string
	event, seen time.Time
}

// TestTimeToVerdict measures how long it takes from an event to what people see
// of it: the verdict, or the reason of the wait. Each run has waited long enough
// by then to be looked at every five seconds only.
func TestTimeToVerdict(t *testing.T) {
	t.Parallel()
	s := ownStack(t)
	later := faults.Duration(settled)
	s.setFaults(t, faults.Plan{
		Allocations: []faults.AllocationRule{
			{Pools: faults.Pools{Pools: []string{"verdict-quota-*"}}, Fail: "AccountLowPriorityCoreQuotaReached", Delay: later},
			{Pools: faults.Pools{Pools: []string{"verdict-size-*"}}, Fail: "UnsupportedVMSize", Delay: later},
		},
		Nodes: []faults.NodeRule{{Pools: faults.Pools{Pools: []string{"verdict-unusable-*"}}, Becomes: faults.Unusable, After: later}},
	})
	startTask := strings.TrimSuffix(killedPool, "}") + fmt.Sprintf(`, "startTask": {"command": "sleep %.0f; touch 'DIR/failed'; exit 7"}}`, settled.Seconds())
	runs := []*verdict{
		{name: "start-task", pool: startTask, happened: startTaskFailed},
		{name: "quota", pool: killedPool, happened: resizeFailed, reason: "AccountLowPriorityCoreQuotaReached"},
		{name: "size", pool: killedPool, happened: resizeFailed},
		{name: "unusable", pool: killedPool, happened: nodesUnusable},
		{name: "job-deleted", pool: killedPool, happened: deletesJob},
	}
	for _, v := range runs {
		v.start(t, s)
	}
	until(t, runBound, "every run has its verdict", func() bool {
		all := true
		for _, v := range runs {
			all = v.look(t, s) && all
		}
		return all
	})
	for _, v := range runs {
		took := v.seen.Sub(v.event)
		t.Logf("%s: seen %.1f s after the event", v.name, took.Seconds())
		require.Less(t, took, verdictBound, v.name)
		if v.reason != "" {
			require.Equal(t, exitSucceeded, s.starter(t, "cancel", v.id).code)
		}
		s.untilClosed(t, v.id)
	}
}

// start starts the run.
func (v *verdict) start(t *testing.T, s *stack) {
	t.Helper()
	v.id, v.dir = fmt.Sprintf("verdict-%s-%d", v.name, ids.Add(1)), t.TempDir()
	writeNumbered(t, v.dir, 2)
	p := path{workload: document(killedInputs, v.pool, sleepingTask, always)}
	_, err := p.start(t.Context(), s.temporal, v.id, v.dir)
	require.NoError(t, err)
}

// look looks at run and event, and answers whether both are there.
func (v *verdict) look(t *testing.T, s *stack) bool {
	t.Helper()
	status, ok := s.status(t, v.id)
	if !ok || !v.seen.IsZero() {
		return ok
	}
	if v.event.IsZero() {
		if at, ok := v.happened(t, s, status.Resources, v.dir); ok {
			v.event = at
		}
		return false
	}
	told := status.Report != nil
	if v.reason != "" {
		progress, _ := s.progress(t, v.id, "Wait")
		told = strings.Contains(progress.Reason, v.reason)
	}
	if told {
		v.seen = time.Now()
	}
	return told
}

func startTaskFailed(_ *testing.T, _ *stack, _ workload.Resources, dir string) (time.Time, bool) {
	at, err := os.Stat(filepath.Join(dir, "failed"))
	if err != nil {
		return time.Time{}, false
	}
	return at.ModTime(), true
}

func resizeFailed(t *testing.T, s *stack, r workload.Resources, _ string) (time.Time, bool) {
	pool, err := s.batch.GetPool(t.Context(), r.Pool, nil)
	return time.Now(), err == nil && len(pool.ResizeErrors) > 0
}

func nodesUnusable(t *testing.T, s *stack, r workload.Resources, _ string) (time.Time, bool) {
	pager := s.batch.NewListNodesPager(r.Pool, nil)
	page, err := pager.NextPage(t.Context())
	unusable := 0
	for _, node := range page.Value {
		if *node.State == azbatch.NodeStateUnusable {
			unusable++
		}
	}
	return time.Now(), err == nil && unusable > 0 && unusable == len(page.Value)
}

// deletesJob deletes the job once its run has waited long enough.
func deletesJob(t *testing.T, s *stack, r workload.Resources, _ string) (time.Time, bool) {
	job, err := s.batch.GetJob(t.Context(), r.Job, nil)
	if err != nil || time.Since(*job.CreationTime) < settled {
		return time.Time{}, false
	}
	at := time.Now()
	_, err = s.batch.DeleteJob(t.Context(), r.Job, nil)
	require.NoError(t, err)
	return at, true
}

// setFaults gives the stack's Batch service a fault plan.
func (s *stack) setFaults(t *testing.T, plan faults.Plan) {
	t.Helper()
	text, err := json.Marshal(plan)
	require.NoError(t, err)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, s.env["AZURE_BATCH_ENDPOINT"]+"/_localbatch/faults", strings.NewReader(string(text)))
	require.NoError(t, err)
	credential, err := sharedkey.New(s.env["AZURE_BATCH_ACCOUNT_NAME"], s.env["AZURE_BATCH_ACCOUNT_KEY"])
	require.NoError(t, err)
	credential.Sign(request, time.Now())
	answer, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer answer.Body.Close()
	require.Equal(t, 2, answer.StatusCode/100, answer.Status)
}
