package localbatch_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/localbatch/faults"
)

func (w *world) faultReport() faults.Report {
	w.t.Helper()
	return w.report(read(w.t, w.send(rawRequest{method: "GET", path: faultsPath})))
}

// third fails the third request of one kind, once.
const third = `{"seed": 5, "requests": [{"name": "third", "operations": ["ListPools"], "nth": 3, "actions": [{"do": "errorBefore"}]}]}`

func (w *world) listPools() int { return w.send(rawRequest{method: "GET", path: "/pools"}).StatusCode }

// TestFaultPlanOutlastsItsService: it goes on where it stood.
func TestFaultPlanOutlastsItsService(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.setFaults(third)
	require.Equal(t, []int{200, 200}, []int{w.listPools(), w.listPools()})
	w.close()
	w.open()
	require.Equal(t, []faults.RuleReport{{Section: "requests", Name: "third", Matched: 2}}, w.faultReport().Rules)
	require.Equal(t, uint64(5), w.faultReport().Plan.Seed)
	require.Equal(t, []int{500, 200}, []int{w.listPools(), w.listPools()})

	require.Equal(t, 204, w.send(rawRequest{method: "DELETE", path: faultsPath}).StatusCode)
	w.close()
	w.open()
	require.Empty(t, w.faultReport().Rules, "one that was ended stays so")
}

func TestFaultPlanSurvivesAKill(t *testing.T) {
	t.Parallel()
	v := &victim{t: t, dir: t.TempDir()}
	w := v.start()
	defer func() { v.kill() }()
	w.setFaults(third)
	v.kill()
	w = v.start()
	require.Len(t, w.faultReport().Rules, 1)
	w.send(rawRequest{method: "DELETE", path: faultsPath})
	v.kill()
	w = v.start()
	require.Empty(t, w.faultReport().Rules)
}
