package localbatch_test

import (
	"net/http"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"github.com/stretchr/testify/require"
)

func TestStatisticsAreAskedForInVain(t *testing.T) {
	t.Parallel()
	w := ready(t, 1)
	w.add("one", "true")
	w.completed("one")
	w.schedule("schedule", daily())
	stats := []string{"stats"}
	task, err := w.GetTask(ctx, "job", "one", &azbatch.GetTaskOptions{Expand: stats})
	require.NoError(t, err)
	require.Nil(t, task.Stats)
	job, err := w.GetJob(ctx, "job", &azbatch.GetJobOptions{Expand: stats})
	require.NoError(t, err)
	require.Nil(t, job.Stats)
	pool, err := w.GetPool(ctx, "pool", &azbatch.GetPoolOptions{Expand: stats})
	require.NoError(t, err)
	require.Nil(t, pool.Stats)
	sch, err := w.GetJobSchedule(ctx, "schedule", &azbatch.GetJobScheduleOptions{Expand: stats})
	require.NoError(t, err)
	require.Nil(t, sch.Stats)
	for _, list := range []string{"/pools", "/jobs", "/jobs/job/tasks", "/jobschedules", "/jobschedules/schedule/jobs"} {
		require.Equal(t, http.StatusOK, w.send(rawRequest{method: "GET", path: list, query: "$expand=stats&" + latest}).StatusCode, list)
		w.requireError(rawRequest{method: "GET", path: list, query: "$expand=tasks&" + latest}, http.StatusBadRequest, "InvalidQueryParameterValue")
	}
	w.requireError(rawRequest{method: "GET", path: "/pools/pool/nodes", query: "$expand=stats&" + latest}, http.StatusBadRequest, "UnsupportedQueryParameter")
}

func TestRetiredOperations(t *testing.T) {
	t.Parallel()
	w := start(t)
	for _, path := range []string{"/lifetimejobstats", "/lifetimepoolstats", "/poolusagemetrics"} {
		body := w.requireError(rawRequest{method: "GET", path: path, query: "api-version=2020-09-01.12.0"}, http.StatusNotFound, "ResourceNotFound")
		require.Contains(t, body.Values[0].Value, "retired")
	}
}
