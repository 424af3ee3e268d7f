package activities

import (
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/workload"
)

func TestSortOut(t *testing.T) {
	t.Parallel()
	tasks := []azbatch.CreateTaskContent{{ID: to.Ptr("a")}, {ID: to.Ptr("b")}, {ID: to.Ptr("c")}, {ID: to.Ptr("d")}}
	result := func(id, status, code string) azbatch.TaskAddResult {
		r := azbatch.TaskAddResult{TaskID: to.Ptr(id), Status: to.Ptr(azbatch.TaskAddStatus(status))}
		if code != "" {
			r.Error = &azbatch.Error{Code: to.Ptr(code), Message: &azbatch.ErrorMessage{Value: to.Ptr("why\nRequestId:1")}}
		}
		return r
	}
	// The service may answer in any order, in either case, and leave items out.
	again, there, err := sortOut("j", tasks, []azbatch.TaskAddResult{result("c", "servererror", "InternalError"), result("b", "ClientError", "TaskExists"), result("a", "Success", "")})
	require.NoError(t, err)
	require.Equal(t, []azbatch.CreateTaskContent{{ID: to.Ptr("c")}, {ID: to.Ptr("d")}}, again)
	require.Equal(t, []azbatch.CreateTaskContent{{ID: to.Ptr("b")}}, there)

	_, _, err = sortOut("j", tasks, []azbatch.TaskAddResult{result("a", "clienterror", "InvalidPropertyValue")})
	require.ErrorContains(t, err, "job j takes no task a: InvalidPropertyValue: why")
}

func TestEndedEarly(t *testing.T) {
	t.Parallel()
	for reason, code := range map[string]string{
		"": "", "AllTasksComplete": "", "MaxWallClockTimeExpiry": "MaxWallClockTimeExpiry", "UserTerminate": "UserTerminate",
	} {
		failure := endedEarly("j", &azbatch.JobExecutionInfo{TerminationReason: to.Ptr(reason)})
		if code == "" {
			require.Nil(t, failure, reason)
		} else {
			require.Equal(t, code, failure.Code)
		}
	}
	failure := endedEarly("j", &azbatch.JobExecutionInfo{SchedulingError: &azbatch.JobSchedulingError{Code: to.Ptr("Unknown"), Message: to.Ptr("m")}})
	require.Equal(t, "Unknown", failure.Code)
}

func TestJudgeResize(t *testing.T) {
	t.Parallel()
	quota := []azbatch.ResizeError{{Code: to.Ptr("AccountCoreQuotaReached"), Message: to.Ptr("no cores")}}
	size := []azbatch.ResizeError{{Code: to.Ptr("UnsupportedVMSize"), Message: to.Ptr("no such size")}}
	in := WaitInput{Pool: "p", OwnPool: true}

	var waits, ends, foreign sight
	waits.judgeResize(in, quota)
	require.Nil(t, waits.failure)
	require.Contains(t, waits.reason, "AccountCoreQuotaReached: no cores")
	ends.judgeResize(in, size)
	require.Equal(t, "UnsupportedVMSize", ends.failure.Code)
	foreign.judgeResize(WaitInput{Pool: "p"}, size)
	require.Nil(t, foreign.failure, "the owner of a pool may still mend it")
	require.NotEmpty(t, foreign.reason)
}

func TestPartSizeFitsTheFilesAtHand(t *testing.T) {
	t.Parallel()
	for files, want := range map[int64]int64{1: 1, 5: 1, 31: 1, 320: 20, 1_000_000: 1000} {
		require.Equal(t, want, workload.Task{}.PartSize(files), "%d files", files)
	}
	for files, want := range map[int64]int64{1: 30, 1000: 90, 1_000_000: 1020} {
		require.Equal(t, want, workload.Task{Files: 30}.PartSize(files), "%d files in groups of 30", files)
	}
}

func TestPollIntervalFollowsTheWait(t *testing.T) {
	t.Parallel()
	require.Equal(t, 500*time.Millisecond, pollInterval(0))
	require.Equal(t, 3*time.Second, pollInterval(time.Minute))
	require.Equal(t, 5*time.Second, pollInterval(24*time.Hour), "a verdict on a start task takes less than 10 s, a heartbeat less than 30 s")
}

func TestLastLines(t *testing.T) {
	t.Parallel()
	require.Equal(t, "b\nc", lastLines("b\nc\n"))
	require.Equal(t, "3\n4\n5\n6\n7\n8\n9\n10\n11\n12", lastLines("1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n"))
	require.NotContains(t, lastLines("https://x?sig=abcdef"), "abcdef")
}

func TestOwnerIsToldByItsRun(t *testing.T) {
	t.Parallel()
	mine, other := Owner{WorkflowID: "w", RunID: "1"}, Owner{WorkflowID: "w", RunID: "2"}
	require.True(t, mine.owns((mark{Owner: mine}).ofBatch()))
	require.False(t, mine.owns((mark{Owner: other}).ofBatch()))
	require.False(t, mine.owns(nil))
}

func TestOutputFilesSayWhen(t *testing.T) {
	t.Parallel()
	files, links := outputFiles([]workload.ExpandedOutput{{File: "a.log", Always: true}, {Pattern: "*.png", To: "frames"}}, "task-00000001", "URL")
	require.Empty(t, links)
	require.Equal(t, "_durabatch/logs/task-00000001", *files[0].Destination.Container.Path)
	require.Equal(t, azbatch.OutputFileUploadConditionTaskCompletion, *files[1].UploadOptions.UploadCondition)
	require.Equal(t, azbatch.OutputFileUploadConditionTaskSuccess, *files[2].UploadOptions.UploadCondition)
	require.Equal(t, "frames", *files[2].Destination.Container.Path)
}
