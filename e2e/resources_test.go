package e2e

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/transfer"
	"github.com/durabatch/durabatch/workload"
)

// isNotFound says whether a service answered 404.
func isNotFound(err error) bool {
	var response *azcore.ResponseError
	return errors.As(err, &response) && response.StatusCode == http.StatusNotFound
}

// notFound is isNotFound where another error is the test's.
func notFound(t *testing.T, err error) bool {
	t.Helper()
	if isNotFound(err) {
		return true
	}
	require.NoError(t, err)
	return false
}

func (s *stack) poolExists(t *testing.T, id string) bool {
	t.Helper()
	_, err := s.batch.GetPool(t.Context(), id, nil)
	return !notFound(t, err)
}

func (s *stack) jobExists(t *testing.T, id string) bool {
	t.Helper()
	_, err := s.batch.GetJob(t.Context(), id, nil)
	return !notFound(t, err)
}

func (s *stack) containerExists(t *testing.T, name string) bool {
	t.Helper()
	_, err := s.storage.Container(name).GetProperties(t.Context(), nil)
	return !notFound(t, err)
}

// requireCleanedUp: the services answer 404 for all that a run created, but
// for its outputs.
func (s *stack) requireCleanedUp(t *testing.T, r workload.Resources) {
	t.Helper()
	require.False(t, s.poolExists(t, r.Pool), "the pool is still there")
	require.False(t, s.jobExists(t, r.Job), "the job is still there")
	require.False(t, s.containerExists(t, r.InputContainer), "the input container is still there")
	require.True(t, s.containerExists(t, r.OutputContainer), "the output container is gone")
}

// created is when the one pool and the one job of a run were created. A zero
// time is one that is not there.
type created struct{ pool, job time.Time }

// created looks for every pool and job that bears the run's name.
func (s *stack) created(t *testing.T, r workload.Resources) created {
	t.Helper()
	var found created
	pools := s.batch.NewListPoolsPager(nil)
	for pools.More() {
		page, err := pools.NextPage(t.Context())
		require.NoError(t, err)
		for _, pool := range page.Value {
			if *pool.ID == r.Pool {
				found.pool = *pool.CreationTime
			}
		}
	}
	jobs := s.batch.NewListJobsPager(nil)
	for jobs.More() {
		page, err := jobs.NextPage(t.Context())
		require.NoError(t, err)
		for _, job := range page.Value {
			if *job.ID == r.Job {
				found.job = *job.CreationTime
			}
		}
	}
	return found
}

// nodes is how many nodes a pool has and how many it is to have.
func (s *stack) nodes(t *testing.T, pool string) (now, target int32) {
	t.Helper()
	got, err := s.batch.GetPool(t.Context(), pool, nil)
	require.NoError(t, err)
	return *got.CurrentDedicatedNodes + *got.CurrentLowPriorityNodes, *got.TargetDedicatedNodes + *got.TargetLowPriorityNodes
}

// createPool makes a pool of the user's own.
func (s *stack) createPool(t *testing.T, id string, nodes int32) {
	t.Helper()
	require.NoError(t, s.addPool(t.Context(), id, nodes))
}

func (s *stack) addPool(ctx context.Context, id string, nodes int32) error {
	_, err := s.batch.CreatePool(ctx, azbatch.CreatePoolContent{
		ID: to.Ptr(id), VMSize: to.Ptr("Standard_A1_v2"), TargetDedicatedNodes: to.Ptr(nodes),
		VirtualMachineConfiguration: &azbatch.VirtualMachineConfiguration{
			NodeAgentSKUID: to.Ptr("batch.node.ubuntu 24.04"),
			ImageReference: &azbatch.ImageReference{
				Publisher: to.Ptr("canonical"), Offer: to.Ptr("ubuntu-24_04-lts"), SKU: to.Ptr("server"), Version: to.Ptr("latest"),
			},
		},
	}, nil)
	return err
}

// results reads what became of each input from the output container.
func (s *stack) results(t *testing.T, report workload.Report) []workload.Result {
	t.Helper()
	parts := transfer.Parts[workload.Result]{Container: s.storage.Container(report.Resources.OutputContainer), Prefix: report.Results}
	var all []workload.Result
	for result, err := range parts.All(t.Context()) {
		require.NoError(t, err)
		all = append(all, result)
	}
	return all
}
