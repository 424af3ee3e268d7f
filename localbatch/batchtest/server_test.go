package batchtest_test

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/localbatch"
	"github.com/durabatch/durabatch/localbatch/batchtest"
	"github.com/durabatch/durabatch/localbatch/faults"
)

func TestRestart(t *testing.T) {
	t.Parallel()
	s := batchtest.Start(t)
	_, err := s.Client.CreatePool(ctx, poolContent("pool", 1), nil)
	require.NoError(t, err)
	s.Faults(once("GetPool", faults.Action{Do: faults.ErrorBefore}))
	url, key := s.URL, s.AccountKey
	s.Restart()
	require.Equal(t, url, s.URL)
	require.Equal(t, key, s.AccountKey)
	pool, err := s.Client.GetPool(ctx, "pool", nil)
	require.NoError(t, err)
	require.Equal(t, "pool", *pool.ID)
	require.Equal(t, 1, s.FaultReport().Fired("once"), "the plan is in force again")
	s.Close()
	s.Close()
}

func TestOtherClientsSignWithTheCredential(t *testing.T) {
	t.Parallel()
	s := batchtest.Start(t, func(o *localbatch.Options) { o.AccountName = "mine" })
	require.Equal(t, "mine", s.AccountName)
	put, err := http.NewRequest(http.MethodPut, s.URL+"/_localbatch/faults", strings.NewReader(`{"taskCountLag": "1s"}`))
	require.NoError(t, err)
	s.Credential.Sign(put, time.Now())
	answer, err := http.DefaultClient.Do(put)
	require.NoError(t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, answer.StatusCode, string(text))
	var report faults.Report
	require.NoError(t, json.Unmarshal(text, &report))
	require.Equal(t, faults.Duration(time.Second), report.Plan.TaskCountLag)
	http.DefaultClient.CloseIdleConnections()
}

// A client that takes care of each lost answer gets its work done, though three
// calls in ten go wrong in every way there is.
func TestChaos(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../faults/testdata/chaos.json")
	require.NoError(t, err)
	plan, err := faults.Parse(text)
	require.NoError(t, err)
	s := batchtest.Start(t, func(o *localbatch.Options) { o.Faults = plan })
	client := s.NewClient(azcore.ClientOptions{Retry: policy.RetryOptions{
		MaxRetries: 8, RetryDelay: time.Millisecond, MaxRetryDelay: 100 * time.Millisecond,
	}})
	made := func(err error, code string) {
		t.Helper()
		if err != nil {
			_, got := statusOf(t, err)
			require.Equal(t, code, got, "of the client's own earlier try")
		}
	}
	_, err = client.CreatePool(ctx, poolContent("pool", 2), nil)
	made(err, "PoolExists")
	_, err = client.CreateJob(ctx, azbatch.CreateJobContent{ID: to.Ptr("job"), PoolInfo: &azbatch.PoolInfo{PoolID: to.Ptr("pool")}}, nil)
	made(err, "JobExists")
	ids := []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"}
	for _, id := range ids {
		_, err = client.CreateTask(ctx, "job", azbatch.CreateTaskContent{ID: to.Ptr(id), CommandLine: to.Ptr("true")}, nil)
		made(err, "TaskExists")
	}
	require.Eventually(t, func() bool {
		counts, err := client.GetJobTaskCounts(ctx, "job", nil)
		require.NoError(t, err)
		return int(*counts.TaskCounts.Succeeded) == len(ids)
	}, 30*time.Second, time.Millisecond)
	for _, id := range ids {
		task, err := client.GetTask(ctx, "job", id, nil)
		require.NoError(t, err)
		require.Zero(t, *task.ExecutionInfo.RetryCount)
		require.Zero(t, *task.ExecutionInfo.RequeueCount)
	}
	_, err = client.DeleteJob(ctx, "job", nil)
	if err != nil {
		_, code := statusOf(t, err)
		require.Contains(t, []string{"JobNotFound", "JobBeingDeleted"}, code)
	}
	require.Greater(t, s.FaultReport().Fired("chaos"), 3)
}
