package faults_test

import (
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/localbatch/faults"
)

func TestParse(t *testing.T) {
	t.Parallel()
	plan, err := faults.Parse([]byte(`{
		"seed": 42,
		"requests": [{"name": "chaos", "operations": ["*Task*"], "probability": 0.3, "from": 2, "to": 9,
			"actions": [{"do": "tooManyRequests", "retryAfter": "250ms"}, {"do": "delay", "delay": "1s"}]}],
		"allocations": [{"pools": ["gpu*"], "fail": "AllocationFailed", "delay": "2s"}],
		"startTasks": [{"times": 1, "exitCode": 7}],
		"nodes": [{"dedicated": false, "becomes": "preempted", "after": "5s", "for": "2s"}],
		"quotas": {"pools": 0},
		"taskCountLag": "3s"}`))
	require.NoError(t, err)
	retry := faults.Duration(250 * time.Millisecond)
	require.Equal(t, faults.Plan{
		Seed: 42,
		Requests: []faults.RequestRule{{
			When:       faults.When{Name: "chaos", Probability: new(0.3), From: 2, To: 9},
			Operations: []string{"*Task*"},
			Actions: []faults.Action{
				{Do: faults.TooManyRequests, RetryAfter: &retry}, {Do: faults.Delay, Delay: faults.Duration(time.Second)},
			},
		}},
		Allocations: []faults.AllocationRule{{Pools: faults.Pools{Pools: []string{"gpu*"}}, Fail: "AllocationFailed", Delay: faults.Duration(2 * time.Second)}},
		StartTasks:  []faults.StartTaskRule{{When: faults.When{Times: 1}, ExitCode: 7}},
		Nodes: []faults.NodeRule{{
			Pools: faults.Pools{Dedicated: new(false)}, Becomes: faults.Preempted,
			After: faults.Duration(5 * time.Second), For: faults.Duration(2 * time.Second),
		}},
		Quotas:       faults.Quotas{Pools: new(0)},
		TaskCountLag: faults.Duration(3 * time.Second),
	}, plan)

	text, err := json.Marshal(plan)
	require.NoError(t, err)
	again, err := faults.Parse(text)
	require.NoError(t, err)
	require.Equal(t, plan, again)
}

func TestWhatMakesNoSenseIsRefused(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`[]`:              "the plan: a JSON array",
		`{} {}`:           "the plan: something follows",
		`{"request": []}`: `the plan: there is no key "request"; its keys are allocations, nodes, quotas, requests, seed, startTasks, taskCountLag`,
		`{"requests": [{"operation": ["x"], "actions": [{"do": "errorAfter"}]}]}`:                                `requests[0]: there is no key "operation"; its keys are actions (with delay, do, retryAfter), from, name, nth, operations, probability, times, to`,
		`{"requests": [{"actions": [{"do": "errorAfter"}]}, {"actions": [{"do": "errorAfter", "wait": "1s"}]}]}`: `requests[1]: there is no key "wait"`,
		`{"requests": [{"actions": [{"do": "fail"}]}]}`:                                                          `requests[0]: there is no action "fail"; there are [tooManyRequests`,
		`{"requests": [{}]}`: "requests[0]: actions is missing",
		`{"requests": [{"actions": [{"do": "errorAfter", "retryAfter": "1s"}]}]}`:    "retryAfter goes with",
		`{"requests": [{"actions": [{"do": "delay"}]}]}`:                             "needs a delay",
		`{"requests": [{"actions": [{"do": "delay", "delay": 3}]}]}`:                 `3 is no duration; write it like "1m30s"`,
		`{"requests": [{"probability": 1.5, "actions": [{"do": "errorAfter"}]}]}`:    "1.5 is not from 0 to 1",
		`{"requests": [{"probability": "high", "actions": [{"do": "errorAfter"}]}]}`: `a JSON string is not what "`,
		`{"requests": [{"nth": 1, "from": 2, "actions": [{"do": "errorAfter"}]}]}`:   "only one of the two",
		`{"requests": [{"from": 3, "to": 2, "actions": [{"do": "errorAfter"}]}]}`:    "comes before",
		`{"requests": [{"operations": ["[a"], "actions": [{"do": "errorAfter"}]}]}`:  "cannot be understood",
		`{"allocations": [{}]}`:                                    "allocations[0]: fail, delay or both",
		`{"startTasks": [{}]}`:                                     "startTasks[0]: exitCode, delay or both",
		`{"startTasks": [{"exitCode": 256}]}`:                      "cannot exit with 256",
		`{"nodes": [{}]}`:                                          "nodes[0]: becomes, delay or both",
		`{"nodes": [{"becomes": "broken"}]}`:                       `cannot become "broken", but [unusable unknown offline preempted]`,
		`{"nodes": [{"delay": "1s", "after": "1s"}]}`:              "after and for go with becomes",
		`{"nodes": [{"becomes": "preempted", "dedicated": true}]}`: "only low-priority nodes",
		`{"quotas": {"jobs": 1}}`:                                  `quotas: there is no key "jobs"; its keys are activeJobsAndSchedules, dedicatedCores, lowPriorityCores, pools`,
		`{"quotas": {"pools": -1}}`:                                "quotas: -1 is less than none",
		`{"taskCountLag": "-1s"}`:                                  "taskCountLag cannot be negative",
	} {
		_, err := faults.Parse([]byte(text))
		require.ErrorContains(t, err, "the fault plan cannot be used: ", text)
		require.ErrorContains(t, err, want, text)
	}
}

func TestWhenARuleFires(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		when faults.When
		want string
	}{
		"always":            {faults.When{}, "xxxxxx"},
		"never":             {faults.When{Probability: new(0.0)}, "......"},
		"certainly":         {faults.When{Probability: new(1.0)}, "xxxxxx"},
		"twice":             {faults.When{Times: 2}, "xx...."},
		"the third":         {faults.When{Nth: 3}, "..x..."},
		"from the third":    {faults.When{From: 3}, "..xxxx"},
		"to the third":      {faults.When{To: 3}, "xxx..."},
		"a span":            {faults.When{From: 2, To: 4}, ".xxx.."},
		"once, from second": {faults.When{From: 2, Times: 1}, ".x...."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := injector(t, faults.Plan{Requests: []faults.RequestRule{{When: c.when, Actions: failures}}})
			got := ""
			for range len(c.want) {
				got += firing(in, "GetPool")
			}
			require.Equal(t, c.want, got)
		})
	}
}

var failures = []faults.Action{{Do: faults.ErrorBefore}, {Do: faults.ErrorAfter}, {Do: faults.CloseAfter}}

func injector(t *testing.T, plan faults.Plan) *faults.Injector {
	t.Helper()
	in, err := faults.New(plan)
	require.NoError(t, err)
	return in
}

func firing(in *faults.Injector, operation string) string {
	if action, _ := in.Request(operation); action == nil {
		return "."
	}
	return "x"
}

func TestTheFirstRuleThatFiresDecides(t *testing.T) {
	t.Parallel()
	in := injector(t, faults.Plan{Requests: []faults.RequestRule{
		{When: faults.When{Name: "pools", Nth: 2}, Operations: []string{"*pool"}, Actions: failures[:1]},
		{When: faults.When{Name: "all", Nth: 3}, Actions: failures[1:2]},
		{When: faults.When{Name: "rest"}, Operations: []string{"GetPool", "GetJob"}, Actions: failures[2:]},
	}})
	var got []string
	for _, operation := range []string{"GetPool", "CreatePool", "GETPOOL", "GetTask", "GetJob"} {
		action, fault := in.Request(operation)
		if action == nil {
			got = append(got, "")
			continue
		}
		got = append(got, fmt.Sprint(fault.Rule, " ", action.Do, " ", fault.Number, "/", fault.Event))
	}
	require.Equal(t, []string{"rest closeAfter 1/1", "pools errorBefore 1/2", "all errorAfter 1/3", "", "rest closeAfter 2/3"}, got)
	report := in.Report()
	require.Equal(t, []faults.RuleReport{
		{Section: "requests", Name: "pools", Matched: 3, Fired: 1},
		{Section: "requests", Name: "all", Matched: 5, Fired: 1},
		{Section: "requests", Name: "rest", Matched: 3, Fired: 2},
	}, report.Rules)
	require.Equal(t, 2, report.Fired("rest"))
}

// decisions are those for n calls of an operation, with calls of another one
// between them.
func decisions(in *faults.Injector, n, between int) string {
	text := ""
	for range n {
		for range between {
			in.Request("GetJob")
		}
		action, _ := in.Request("CreateTask")
		if action == nil {
			text += "- "
			continue
		}
		text += string(action.Do) + " "
	}
	return text
}

func TestASeedReplaysItsDecisions(t *testing.T) {
	t.Parallel()
	plan := faults.Plan{Seed: 7, Requests: []faults.RequestRule{{When: faults.When{Probability: new(0.3)}, Actions: failures}}}
	first := decisions(injector(t, plan), 200, 0)
	require.Equal(t, first, decisions(injector(t, plan), 200, 0))
	require.Equal(t, first, decisions(injector(t, plan), 200, 3), "other operations change nothing")
	for _, do := range []string{"- ", "errorBefore", "errorAfter", "closeAfter"} {
		require.Contains(t, first, do)
	}
	plan.Seed = 8
	require.NotEqual(t, first, decisions(injector(t, plan), 200, 0))

	plan.Seed = 0
	random := injector(t, plan)
	require.NotZero(t, random.Seed())
	require.Equal(t, random.Seed(), random.Report().Plan.Seed)
	require.NotEqual(t, random.Seed(), injector(t, plan).Seed())
}

func TestProbability(t *testing.T) {
	t.Parallel()
	const calls = 20000
	in := injector(t, faults.Plan{Seed: 1, Requests: []faults.RequestRule{{When: faults.When{Probability: new(0.3)}, Actions: failures}}})
	chosen := map[faults.Do]int{}
	for range calls {
		if action, _ := in.Request("GetPool"); action != nil {
			chosen[action.Do]++
		}
	}
	require.Len(t, chosen, len(failures))
	for do, n := range chosen {
		require.InDelta(t, 0.1*calls, n, 0.01*calls, do)
	}
}

func TestNodesAndPools(t *testing.T) {
	t.Parallel()
	in := injector(t, faults.Plan{
		Allocations: []faults.AllocationRule{{Pools: faults.Pools{Pools: []string{"gpu*"}}, Fail: "AllocationFailed"}},
		StartTasks:  []faults.StartTaskRule{{Pools: faults.Pools{Dedicated: new(true)}, ExitCode: 3}},
		Nodes:       []faults.NodeRule{{Becomes: faults.Preempted}},
	})
	rule, fault := in.Allocation("GPU-1", true)
	require.Equal(t, "AllocationFailed", rule.Fail)
	require.Equal(t, "allocations[0]", fault.Rule)
	rule, _ = in.Allocation("cpu", true)
	require.Nil(t, rule)
	start, _ := in.StartTask("cpu", true)
	require.Equal(t, int32(3), start.ExitCode)
	start, _ = in.StartTask("cpu", false)
	require.Nil(t, start)
	node, _ := in.Node("cpu", true)
	require.Nil(t, node, "dedicated nodes are not preempted")
	node, _ = in.Node("cpu", false)
	require.NotNil(t, node)
}

func TestAPlanOfNothing(t *testing.T) {
	t.Parallel()
	in := injector(t, faults.Plan{Seed: 3})
	require.Nil(t, in)
	action, _ := in.Request("GetPool")
	require.Nil(t, action)
	require.Empty(t, in.Report().Rules)
	require.Equal(t, faults.Quotas{}, in.Quotas())
	require.Zero(t, in.TaskCountLag())
}

func TestInjectorsAreSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	in := injector(t, faults.Plan{Requests: []faults.RequestRule{{When: faults.When{Name: "a", Times: 10}, Actions: failures}}})
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 100 {
				in.Request("GetPool")
				in.Report()
			}
		})
	}
	group.Wait()
	require.Equal(t, []faults.RuleReport{{Section: "requests", Name: "a", Matched: 800, Fired: 10}}, in.Report().Rules)
}

// The plan of the tests that have every call go wrong is a file: others begin
// with it.
func TestTheChaosPlan(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/chaos.json")
	require.NoError(t, err)
	plan, err := faults.Parse(text)
	require.NoError(t, err)
	require.Len(t, plan.Requests, 1)
	require.InDelta(t, 0.3, *plan.Requests[0].Probability, 0)
	done := map[faults.Do]bool{}
	for _, action := range plan.Requests[0].Actions {
		done[action.Do] = true
	}
	require.Len(t, done, 7, "every kind of action")
}

func FuzzParse(f *testing.F) {
	f.Add(`{"requests": [{"operations": ["*"], "actions": [{"do": "errorAfter", "delay": "1s"}]}]}`)
	f.Add(`{"nodes": [{"becomes": "preempted", "for": "1s"}], "quotas": {"pools": 1}}`)
	f.Fuzz(func(t *testing.T, text string) {
		plan, err := faults.Parse([]byte(text))
		if err != nil {
			return
		}
		in, err := faults.New(plan)
		require.NoError(t, err, "what Parse takes can be used")
		in.Request("GetPool")
		in.Node("pool", false)
	})
}
