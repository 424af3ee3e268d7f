package faults_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/localbatch/faults"
)

// TestResume: an injector that goes on from the state of another decides as
// that one would have.
func TestResume(t *testing.T) {
	t.Parallel()
	plan := faults.Plan{
		Seed: 7,
		Requests: []faults.RequestRule{
			{When: faults.When{Probability: new(0.5), Times: 40}, Actions: []faults.Action{{Do: faults.ErrorAfter}, {Do: faults.CloseAfter}}},
			{When: faults.When{Nth: 70}, Actions: []faults.Action{{Do: faults.ServerBusy}}},
		},
		Nodes: []faults.NodeRule{{When: faults.When{Nth: 2}, Becomes: faults.Unusable}},
	}
	one, err := faults.New(plan)
	require.NoError(t, err)
	counted := 0
	one.OnCount(func() { counted++ })
	for i := range 50 {
		one.Request([]string{"CreatePool", "CreateJob"}[i%2])
	}
	one.Node("pool", true)
	require.Equal(t, 51, counted)

	text, err := json.Marshal(one.State())
	require.NoError(t, err)
	var state faults.State
	require.NoError(t, json.Unmarshal(text, &state))
	two, err := faults.Resume(state)
	require.NoError(t, err)
	require.Equal(t, one.Report(), two.Report())
	for range 50 {
		action, fault := one.Request("CreatePool")
		again, same := two.Request("CreatePool")
		require.Equal(t, fault, same)
		require.Equal(t, action, again)
	}
	rule, _ := two.Node("pool", true)
	require.NotNil(t, rule, "it is the second node")
}

func TestResumeRefusesWhatIsDamaged(t *testing.T) {
	t.Parallel()
	rules := []faults.RequestRule{{Actions: []faults.Action{{Do: faults.ServerBusy}}}}
	for name, state := range map[string]faults.State{
		"no plan":      {},
		"no counts":    {Plan: faults.Plan{Requests: rules}},
		"counts alone": {Rules: []faults.RuleState{{Matched: 1}}},
		"no actions":   {Plan: faults.Plan{Requests: []faults.RequestRule{{}}}, Rules: []faults.RuleState{{}}},
	} {
		_, err := faults.Resume(state)
		require.Error(t, err, name)
	}
}
