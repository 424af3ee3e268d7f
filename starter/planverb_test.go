package main

import (
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/azure"
	"github.com/durabatch/durabatch/workload"
)

// TestAddressesThatEndTooEarly: without an account key Azure signs for seven
// days, and with one for ever.
func TestAddressesThatEndTooEarly(t *testing.T) {
	t.Parallel()
	long := &workload.Workload{Timeout: workload.Duration(4 * 24 * time.Hour)}
	for name, c := range map[string]struct {
		accounts accounts
		want     state
	}{
		"no storage account": {accounts{}, unknown},
		"Entra ID":           {accounts{storage: &azure.Storage{}}, failing},
		"an account key":     {accounts{storage: &azure.Storage{}, storageKey: true}, fine},
	} {
		var f forecast
		lookAtLifetimes(long, c.accounts, &f)
		require.Len(t, f.Findings, 1, name)
		require.Equal(t, c.want, f.Findings[0].State, name)
	}
	var f forecast
	lookAtLifetimes(long, accounts{storage: &azure.Storage{}}, &f)
	require.Contains(t, f.Findings[0].Cure, "shorten timeout and job.timeout by 25h20m")
}

// TestTheEndOfAnImage is told before it comes.
func TestTheEndOfAnImage(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		end  *time.Time
		want state
	}{
		{nil, fine}, {to.Ptr(noon.AddDate(1, 0, 0)), fine}, {to.Ptr(noon.AddDate(0, 1, 0)), warning}, {to.Ptr(noon.AddDate(0, 0, -1)), failing},
	} {
		f := forecast{CanRun: true}
		sayImage(&f, "canonical ubuntu", azbatch.SupportedImage{BatchSupportEndOfLife: c.end}, noon)
		require.Equal(t, c.want, f.Findings[0].State, c.end)
		require.Equal(t, c.want != failing, f.CanRun)
	}
}
